"""Access tokens."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.identity.token_keys import RetiredKey, SigningKey
from api.identity.tokens import InvalidToken, Principal, Tokens

KEY = SigningKey.of(bytes(range(32)))
PLAYER = UUID(int=7)
SESSION = UUID(int=8)
ANN = Principal.of_role(PLAYER, "player", session=SESSION)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, changed."""
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": "fairpool",
        "aud": "fairpool-api",
        "sub": str(PLAYER),
        "sid": str(SESSION),
        "role": "player",
    }
    good |= {"iat": now, "exp": now + 60}
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
    token = tokens.issue(player_id=PLAYER, role="operator", session=SESSION)
    expected = Principal.of_role(PLAYER, "operator", session=SESSION)
    assert tokens.verify(token.text) == tokens.verify(token.text) == expected
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
        {"sid": None},
        {"sid": "not-a-uuid"},
        {"role": None},
    ],
    ids=str,
)
def test_a_token_with_wrong_or_missing_claims_is_refused(changes: dict[str, Any]) -> None:
    """Expired, for another audience, by another issuer, about nobody."""
    assert Tokens(KEY).verify(signed()) == ANN
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
    token = tokens.issue(player_id=PLAYER, role="player", session=SESSION)
    now[0] += token.expires_in - 1
    assert tokens.verify(token.text) == ANN
    now[0] += 1
    with pytest.raises(InvalidToken):
        tokens.verify(token.text)


def test_a_retired_key_is_still_accepted() -> None:
    """Keys rotate without logging anybody out: the old one verifies, the new one signs."""
    new = SigningKey.of(bytes(32))
    tokens = Tokens(new, retired=[RetiredKey(KEY.private.public_key(), until=time.time() + 3600)])
    assert tokens.verify(signed()) == ANN
    token = tokens.issue(player_id=PLAYER, role="player", session=SESSION)
    assert jwt.get_unverified_header(token.text)["kid"] == new.kid


def test_a_retired_key_is_accepted_for_a_while_only() -> None:
    """What it signed ends with it, even where a token says that it is good for longer."""
    now = [time.time()]
    retired = RetiredKey(KEY.private.public_key(), until=now[0] + 10)
    tokens = Tokens(SigningKey.of(bytes(32)), retired=[retired], now=lambda: now[0])
    token = signed()
    assert tokens.verify(token) == ANN
    assert KEY.kid in tokens.public_keys()
    now[0] += 10
    assert KEY.kid not in tokens.public_keys()
    for _ in range(2):
        with pytest.raises(InvalidToken):
            tokens.verify(token)


def test_anyone_can_verify_a_token_with_the_published_keys() -> None:
    """The published key is all that another service needs."""
    tokens = Tokens(KEY)
    token = tokens.issue(player_id=PLAYER, role="player", session=SESSION).text
    [(kid, x)] = tokens.public_keys().items()
    key = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid})
    found = jwt.decode(token, key, algorithms=["EdDSA"], audience="fairpool-api", issuer="fairpool")
    assert (found["sub"], found["sid"], kid) == (str(PLAYER), str(SESSION), KEY.kid)
