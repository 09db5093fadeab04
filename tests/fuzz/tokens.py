"""Malice in tokens: what is not byte for byte a token that was given is nobody's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fuzz.tally import Bounds, Tally

NOTHING: Final = f"/api/bets/{UUID(int=0)}/receipt"
"""What is not there, as anybody learns who is known: strangers are refused before."""
REFUSED: Final = (400, 401, 431)
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_JUNK: Final = ("~", "+", "/", "=", "==", ".", "..", "A", "\x7f", "\u00e9", " ", "%00")
_ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "none",
    "../../key",
    "' OR 1=1 --",
    [],
    {},
    ["x"],
    "k" * 3_000,
)
_HEADERS: Final = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc", "cty")
_CLAIMS: Final = ("sub", "sid", "role", "exp", "iat", "nbf", "iss", "aud", "jti")
_OTHER_KEY: Final = bytes(range(1, 33))


def part(value: object) -> str:
    """Return one part of a token."""
    return _base64url(json.dumps(value).encode())


def changed(random: Random, token: str) -> str:
    """Make a token that is not the given one."""
    while (made := random.choice(_CHANGES)(random, token)) == token:
        pass
    return made


def attack(
    client: httpx.Client, token: str, api_key: str, refresh: Callable[[], str], tally: Tally, bounds: Bounds
) -> None:
    """Show changed tokens and API keys for as long as there is time; afterwards the given ones are good.

    `refresh` gives a refresh token of a new session: a changed one that is nearly right ends its session.
    """
    for number in bounds.numbers():
        random = Random(f"{bounds.seed}/{number}")
        kind = random.choices(("access", "api key", "refresh"), (6, 3, 1))[0]
        tally.cases += 1
        if kind == "refresh":
            status: int | None
            body = {"refresh_token": changed(random, refresh()).encode("ascii", "replace").decode()}
            status, shown = client.post("/api/auth/refresh", json=body).status_code, str(body)
            refused: tuple[int, ...] = (401, 413, 422)
        else:
            shown = changed(random, token if kind == "access" else api_key)
            scheme = random.choice(("Bearer", "Bearer", "Bearer", "bearer", "BEARER", "Basic", "Bearer  ", ""))
            status, refused = _shown_to(client.base_url, f"{scheme} {shown}"), REFUSED
        if status is None:
            tally.answered["closed"] += 1
            continue
        tally.status(status)
        if status not in refused:
            tally.complain(f"case {number}: {kind} is answered {status}: {shown[:600]}")
    for given in (token, api_key):
        answer = client.get(NOTHING, headers={"Authorization": f"Bearer {given}"})
        if answer.status_code != 404:
            tally.complain(f"a token that was given is answered {answer.status_code}")


def _shown_to(url: httpx.URL, value: str) -> int | None:
    """Return the status that answers what may be no header; None where the connection is closed upon it."""
    # What httpx would not send, the standard library does; neither CR nor LF is among what is changed.
    with closing(HTTPConnection(url.host, url.port or 80, timeout=60)) as connection:
        try:
            connection.request("GET", NOTHING, headers={"Authorization": value.encode("latin-1", "replace")})
            return connection.getresponse().status
        except (ConnectionError, RemoteDisconnected):
            return None


def _flipped(random: Random, token: str) -> str:
    at = random.randrange(len(token))
    return (
        token[:at]
        + chr(ord(token[at]) ^ 1 << random.randrange(7)).replace("\n", "!").replace("\r", "!")
        + token[at + 1 :]
    )


def _trailing_bits(random: Random, token: str) -> str:
    """Change the last character, of which not all bits count."""
    return token[:-1] + random.choice(_ALPHABET)


def _with_junk(random: Random, token: str) -> str:
    at = random.randrange(len(token) + 1)
    return token[:at] + random.choice(_JUNK) + token[at:]


def _cut(random: Random, token: str) -> str:
    return token[: random.randrange(len(token))]


def _swapped(random: Random, token: str) -> str:
    parts = token.split(".")
    return ".".join(
        random.choices([*parts, "", "e30", "bnVsbA", part("[" * 5_000)], k=random.choice((1, 2, 3, 3, 3, 4, 5)))
    )


def _forged(random: Random, token: str) -> str:
    """Sign changed claims by a key of one's own, or by none, under a header that asks for it."""
    header, claims = _said(token)
    for names, said in ((_HEADERS, header), (_CLAIMS, claims)):
        for _ in range(random.choice((0, 1, 2))):
            said[random.choice(names)] = random.choice(_ODD)
    key = Ed25519PrivateKey.from_private_bytes(_OTHER_KEY)
    if random.random() < 0.4:
        header["alg"] = random.choice(("none", "None", "NONE", "nOnE", "HS256", "EdDSA", "Ed25519", "RS256", "ES256"))
    if random.random() < 0.2:
        header["jwk"] = {"kty": "OKP", "crv": "Ed25519", "x": _base64url(key.public_key().public_bytes_raw())}
    signed = f"{part(header)}.{part(claims)}"
    mac = hmac.new(str(header.get("kid")).encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(random.choice((b'', key.sign(signed.encode()), mac, bytes(64), b'x' * 64)))}"


def _nested(random: Random, token: str) -> str:
    depth = random.choice((500, 3_000, 15_000))
    deep = _base64url(random.choice((b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth, b"1" * depth)))
    parts = [*token.split("."), "x", "x"][:3]
    parts[random.randrange(2)] = deep
    return ".".join(parts)


def _said(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if token.count(".") != 2:
        return {"alg": "EdDSA", "typ": "at+jwt", "kid": "x"}, {"sub": token, "sid": token, "role": "operator"}
    header, claims = (json.loads(base64.urlsafe_b64decode(each + "==")) for each in token.split(".")[:2])
    return header, claims


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_CHANGES: Final[tuple[Callable[[Random, str], str], ...]] = (
    _flipped,
    _flipped,
    _trailing_bits,
    _with_junk,
    _cut,
    _swapped,
    _forged,
    _forged,
    _nested,
    lambda random, token: token + token,
    lambda random, token: token.swapcase(),
    lambda random, token: token * 200,
    lambda random, token: "fpk_" + "0" * 32 + "_" + "A" * 43,
    lambda random, token: "fpk_" + random.randbytes(16).hex() + "_" + _base64url(random.randbytes(32)),
)
