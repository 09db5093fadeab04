"""Access tokens."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.tokens import InvalidToken, Principal, SigningKey, Tokens

KEY = SigningKey.of(bytes(range(32)))
PLAYER = UUID(int=7)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, changed."""
    now = int(time.time())
    good = {"iss": "fairpool", "aud": "fairpool-api", "sub": str(PLAYER), "role": "player", "iat": now, "exp": now + 60}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(key: SigningKey = KEY, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token signed by a key, with changed claims and headers."""
    headers = {"kid": key.kid, "typ": "at+jwt", **(headers or {})}
    return jwt.encode(claims(**changes), key.private, algorithm="EdDSA", headers=headers)


def part(value: dict[str, Any]) -> str:
    """One part of a hand-made token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_says_who_it_was_issued_to() -> None:
    """What is issued verifies, the first time and from memory."""
    tokens = Tokens(KEY)
    token = tokens.issue(player_id=PLAYER, role="operator")
    assert tokens.verify(token.text) == tokens.verify(token.text) == Principal.of_role(PLAYER, "operator")
    assert token.expires_in == 900


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "somebody"},
        {"iss": None},
        {"sub": None},
        {"sub": "not-a-uuid"},
        {"role": None},
    ],
    ids=str,
)
def test_a_token_with_wrong_or_missing_claims_is_refused(changes: dict[str, Any]) -> None:
    """Expired, for another audience, by another issuer, about nobody."""
    assert Tokens(KEY).verify(signed()) == Principal.of_role(PLAYER, "player")
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify(signed(**changes))


def test_a_token_by_another_key_is_refused() -> None:
    """A forger's signature does not verify under the key id that it claims."""
    forger = SigningKey(KEY.kid, Ed25519PrivateKey.generate())
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify(signed(forger))


@pytest.mark.parametrize("headers", [{"kid": "unknown"}, {"typ": "JWT"}, {"typ": None}], ids=str)
def test_a_token_with_another_key_id_or_type_is_refused(headers: dict[str, Any]) -> None:
    """A refresh or identity token is no access token, whoever signed it."""
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify(signed(headers=headers))


def test_a_token_without_a_signature_is_refused() -> None:
    """`alg: none` is not accepted in any spelling."""
    for algorithm in ("none", "None", "NONE"):
        header = {"alg": algorithm, "kid": KEY.kid, "typ": "at+jwt"}
        with pytest.raises(InvalidToken):
            Tokens(KEY).verify(f"{part(header)}.{part(claims())}.")


def test_the_public_key_is_no_shared_secret() -> None:
    """A token signed by HMAC with our public key, the classic confusion of algorithms, is refused."""
    public = KEY.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    headers = {"kid": KEY.kid, "typ": "at+jwt"}
    forged = jwt.encode(claims(), public, algorithm="HS256", headers=headers)
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify(forged)


def test_a_changed_claim_breaks_the_signature() -> None:
    """Nobody makes himself an operator."""
    header, _, signature = signed().split(".")
    with pytest.raises(InvalidToken):
        Tokens(KEY).verify(f"{header}.{part(claims(role='operator'))}.{signature}")


def test_a_token_found_good_expires_all_the_same() -> None:
    """What is remembered is forgotten in time."""
    now = [1000.0]
    tokens = Tokens(KEY, now=lambda: now[0])
    token = tokens.issue(player_id=PLAYER, role="player")
    now[0] += token.expires_in - 1
    assert tokens.verify(token.text) == Principal.of_role(PLAYER, "player")
    now[0] += 1
    with pytest.raises(InvalidToken):
        tokens.verify(token.text)


def test_a_retired_key_is_still_accepted() -> None:
    """Keys rotate without logging anybody out: the old one verifies, the new one signs."""
    new = SigningKey.of(bytes(32))
    tokens = Tokens(new, retired={KEY.kid: KEY.private.public_key()})
    assert tokens.verify(signed()) == Principal.of_role(PLAYER, "player")
    assert jwt.get_unverified_header(tokens.issue(player_id=uuid4(), role="player").text)["kid"] == new.kid
