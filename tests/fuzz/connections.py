"""What somebody malicious sends on one connection: requests that were good, and what was made of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

EVIL: Final = b"evil-request-that-nobody-sent"
"""The X-Request-Id of requests that stand in bodies: whoever answers one takes a body for a request."""
_EVIL_REQUEST: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + EVIL + b"\r\n\r\n"
_TARGETS: Final = (
    *(b"/%00", b"/api/bets/%00", b"/%zz", b"//", b"//evil.example/", b"/api/../healthz", b"/./api/bets", b"*", b"?"),
    *(b"/\xff\xfe", b"/%ff%fe", b"/api/weeks/%2e%2e", b"http://x/healthz", b"http://[/", b"https://", b"x:80", b"#"),
    *(b"/healthz?" + b"a=1&" * 5_000, b"/" + b"a" * 5_000, b"/" + b"a" * 100_000, b"/api/bets?cursor=%00", b"/a b"),
    *(b"/api/bets?limit=9999999999999999999999", b"/api/weeks/current?after=office:999999999999999999"),
    *(b"/api/games?date=-1", b"/api/bets?dry_run=" + b"[" * 3_000, b"/api/bets?dry_run=%ff", b"/api/bets?&&=&=&"),
)
_METHODS: Final = (
    b"get",
    b"FOO",
    b"CONNECT",
    b"TRACE",
    b"PRI",
    b"G ET",
    b"",
    b"\x00",
    b"A" * 5_000,
    b"M-SEARCH",
    b"QUERY",
)
_VERSIONS: Final = (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.10", b"HTTP/9.9", b"http/1.1", b"", b"ICY", b"HTTP/1.1 ")
_NAMES: Final = (
    *(b"Authorization", b"If-None-Match", b"If-Match", b"Idempotency-Key", b"Accept-Encoding", b"Accept", b"Range"),
    *(
        b"Cookie",
        b"Content-Type",
        b"Content-Encoding",
        b"Expect",
        b"Upgrade",
        b"X-Device-Id",
        b"Last-Event-ID",
        b"Host",
    ),
    *(b"After-Position", b"X-Forwarded-For", b"X-Forwarded-Proto", b"Origin", b"Stripe-Signature", b"TE", b"Trailer"),
)
_VALUES: Final = (
    *(
        b"",
        b"*",
        b'"',
        b'W/"',
        b'"' * 2_000,
        b"\xff\xfe",
        b"\x00",
        b"\x7f",
        b"a" * 20_000,
        b"a" * 70_000,
        b"-1",
        b"=?=;",
    ),
    *(b"gzip;q=" + b"9" * 500, b"gzip," * 3_000, b"bytes=0-,5-1,-0", b"bytes=" + b"0-1," * 2_000, b"100-continue"),
    *(b"Bearer", b"Bearer ", b"Bearer " + b"a." * 3_000, b"Bearer fpk_", b"Basic AAAA", b"[::1", b"a/b?c#d@e:99999"),
    *(b"application/json; charset=utf-16", b"text/xml", b"t=1,v1=" + b"a" * 300, b"nan", b"office:1", b"h2c", b"1\t2"),
)
_LENGTHS: Final = (
    b"-1",
    b"+5",
    b"0x10",
    b"1e3",
    b"5, 5",
    b"5,6",
    b"",
    b" ",
    b"9" * 18,
    b"9" * 30,
    b"1 1",
    b"\xb2",
    b"1_0",
)
_CODINGS: Final = (b"chunked, gzip", b"xchunked", b"identity", b"chunked, chunked", b"\x0bchunked", b"CHUNKED", b"gzip")


@dataclass(frozen=True)
class Sent:
    """A request. `is_good` as long as nobody has laid a hand on it; `chunks` is how its body is coded, if it is."""

    id: bytes
    method: bytes = b"GET"
    target: bytes = b"/healthz"
    version: bytes = b"HTTP/1.1"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    chunks: bytes | None = None
    is_good: bool = True

    def __bytes__(self) -> bytes:
        """Return what is written."""
        length: tuple[tuple[bytes, bytes], ...] = ()
        if self.chunks is not None:
            length = ((b"Transfer-Encoding", b"chunked"),)
        elif self.body:
            length = ((b"Content-Length", b"%d" % len(self.body)),)
        lines = [b": ".join(header) if header[1] else header[0] for header in (*length, *self.headers)]
        head = b"\r\n".join([b" ".join([self.method, self.target, self.version]), b"Host: x", *lines])
        return (
            head + b"\r\nX-Request-Id: " + self.id + b"\r\n\r\n" + (self.body if self.chunks is None else self.chunks)
        )


@dataclass
class Connection:
    """All that is sent: requests, the bytes that they come to, and how these are cut; then perhaps it breaks off."""

    requests: list[Sent]
    data: bytes
    cuts: list[int] = field(default_factory=list)
    breaks_off: bool = False
    is_mangled: bool = False


def connection(random: Random, good: list[Sent], *, number: int) -> Connection:
    """Make a connection: one to four of some good requests, of which some are changed."""
    sent = [
        replace(random.choice(good), id=b"fuzz-%09d-%d" % (number, place))
        for place in range(random.choice((1, 1, 2, 4)))
    ]
    at = random.randrange(len(sent))
    for _ in range(random.choice((0, 1, 1, 2))):
        sent[at] = random.choice(_CHANGES)(random, replace(sent[at], is_good=False))
    data = b"".join(map(bytes, sent))
    made = Connection(sent, data, breaks_off=random.random() < 0.1)
    if random.random() < 0.2 and EVIL not in data:
        made.data, made.is_mangled = mangled(random, data), True
    if random.random() < 0.3:
        made.cuts = sorted(random.sample(range(len(made.data) + 1), k=min(8, len(made.data))))
    if made.breaks_off or random.random() < 0.1:
        made.data = made.data[: random.randrange(len(made.data) + 1)]
    return made


def mangled(random: Random, data: bytes) -> bytes:
    """Change some bytes: flip, leave out, repeat or put in."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(changed) + 1)
        match random.randrange(4):
            case 0 if at < len(changed):
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                del changed[at : at + random.choice((1, 2, 20))]
            case 2:
                changed[at:at] = changed[at : at + random.randrange(200)]
            case _:
                changed[at:at] = random.choice((b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\xff", b":"))
    return bytes(changed)


def _with(sent: Sent, *headers: tuple[bytes, bytes]) -> Sent:
    return replace(sent, headers=(*sent.headers, *headers))


def _many(random: Random, sent: Sent) -> Sent:
    name = random.choice((b"X-%d", b"Cookie", b"If-None-Match", b"Authorization"))
    count = random.choice((100, 1_000, 20_000))
    return _with(sent, *((name % each if b"%" in name else name, b"x") for each in range(count)))


def _evil_body(random: Random, sent: Sent) -> Sent:
    """A body that looks like a request, framed in a way that leaves no doubt, or none that may be believed."""
    sent = replace(sent, method=b"POST", body=random.choice((b"", b"{}")) + _EVIL_REQUEST)
    match random.randrange(5):
        case 0:
            return _with(sent, (b"Connection", b"Upgrade"), (b"Upgrade", random.choice((b"h2c", b"websocket", b"x"))))
        case 1:
            return _with(sent, (b"Transfer-Encoding", random.choice(_CODINGS)))
        case 2:
            return _with(sent, (b"Content-Length", random.choice(_LENGTHS)))
        case 3:
            return replace(sent, chunks=chunked(sent.body), headers=(*sent.headers, (b"Content-Length", b"2")))
        case _:
            return _with(sent, (b"Expect", b"100-continue"))


def chunked(body: bytes) -> bytes:
    """Return a body as one chunk."""
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


def _chunks(random: Random, sent: Sent) -> Sent:
    size = random.choice(
        (b"g", b"-1", b"f" * 15, b"f" * 40, b"0x2", b"", b" 2", b"2 ", b"2\n", b"02", b"2;" + b"a" * 80_000)
    )
    tail = random.choice((b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n0\r\n", b"\r\n0\r\nX: " + b"a" * 80_000 + b"\r\n\r\n"))
    trailer = b"\r\n0\r\nAuthorization: Bearer x\r\nX-Request-Id: " + EVIL + b"\r\n\r\n"
    chunks = random.choice((size + b"\r\n{}" + tail, b"2\r\n{}" + trailer, b"2;a=b\r\n{}" + tail, chunked(sent.body)))
    return replace(sent, method=b"POST", chunks=chunks)


_CHANGES: Final[tuple[Callable[[Random, Sent], Sent], ...]] = (
    lambda random, sent: replace(sent, method=random.choice(_METHODS)),
    lambda random, sent: replace(sent, target=random.choice(_TARGETS)),
    lambda random, sent: replace(sent, version=random.choice(_VERSIONS)),
    lambda random, sent: _with(sent, (random.choice(_NAMES), random.choice(_VALUES))),
    lambda random, sent: _with(sent, (random.choice(_NAMES), random.randbytes(random.randrange(60)))),
    lambda random, sent: _with(
        sent, (random.choice((b"no colon", b": x", b" X", b"X Y", b"X\0", b"\xff", b"A\r\n b")), b"")
    ),
    lambda random, sent: replace(sent, body=b"", headers=(*sent.headers, (b"Content-Length", random.choice(_LENGTHS)))),
    lambda random, sent: replace(sent, method=b"POST", body=random.choice((b"{", b"\0", b"[" * 60_000, b"1" * 90_000))),
    lambda random, sent: replace(sent, chunks=chunked(sent.body)),
    _many,
    _evil_body,
    _evil_body,
    _chunks,
)


def good_requests(token: str, bet: Mapping[str, object]) -> list[Sent]:
    """Return requests with nothing wrong with them, of a player who may bet."""
    signed = (b"Authorization", b"Bearer " + token.encode())
    json_type = (b"Content-Type", b"application/json")
    body = json.dumps({**bet, "stake": 1}).encode()
    key = (b"Idempotency-Key", b"fuzz")
    gets = (b"/api/me", b"/api/bets?limit=5", b"/api/weeks/current", b"/api/games", b"/nowhere", b"/api/problems")
    return [
        Sent(b""),
        Sent(b"", method=b"HEAD", target=b"/api/weeks/current"),
        Sent(b"", method=b"OPTIONS", target=b"/api/bets"),
        Sent(b"", method=b"POST", target=b"/api/bets", headers=(signed, json_type, key), body=body),
        Sent(b"", method=b"POST", target=b"/api/bets?dry_run=1", headers=(signed, json_type), body=body),
        Sent(b"", method=b"POST", target=b"/api/bets", headers=(json_type,), body=b"{}"),
        Sent(
            b"", method=b"POST", target=b"/api/auth/login", headers=(json_type,), body=b'{"email":"a","password":"b"}'
        ),
        *(Sent(b"", target=target, headers=(signed,)) for target in gets),
    ]
