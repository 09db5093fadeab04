"""Tokens that nobody was given: refused, whoever signed them, and whatever they say."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Any

import jwt
import pytest

from api.identity.tokens import InvalidToken, Tokens
from tests.api.identity.test_tokens import KEY, PLAYER, SESSION, claims
from tests.fuzz.tokens import changed


def signed(said: dict[str, Any]) -> str:
    """A token signed by our key, that says whatever it says: the library would not issue it."""
    headers = {"kid": KEY.kid, "typ": "at+jwt"}
    return jwt.encode(said, KEY.private, algorithm="EdDSA", headers=headers)


@pytest.mark.parametrize(
    "changes",
    [{"sub": "nobody"}, {"sid": {}}, {"sid": 5}, {"sid": [str(SESSION)]}, {"exp": []}, {"exp": {}}, {"exp": "soon"}],
)
def test_claims_of_other_types_are_refused(changes: dict[str, Any]) -> None:
    """Also where our own key has signed them: a fault elsewhere is no error here."""
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify(signed(claims(**changes)))


def test_a_token_has_one_text() -> None:
    """Padding makes another one of it, which RFC 7515 does not foresee."""
    tokens = Tokens(KEY)
    token = tokens.issue(player_id=PLAYER, role="player", session=SESSION).text
    assert tokens.verify(token).id == PLAYER
    for padded in (token + "==", token + "=", token.replace(".", "=.", 1)):
        with pytest.raises(InvalidToken):
            tokens.verify(padded)


def test_no_changed_token_is_accepted() -> None:
    """Of two hundred, in which a bit or more is otherwise."""
    tokens = Tokens(KEY)
    token = tokens.issue(player_id=PLAYER, role="player", session=SESSION).text
    accepted = []
    for number in range(200):
        forged = changed(Random(number), token)
        with suppress(InvalidToken):
            accepted.append((forged, tokens.verify(forged)))
    assert accepted == []
