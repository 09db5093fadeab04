"""How often clients may ask, as the settings have it; `ratelimits` counts by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NOTATION: Final = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,3} )?(second|minute|hour)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Limit:
    """`quota` requests at once, and that many in `window` seconds on average."""

    quota: int
    window: int

    @classmethod
    def parse(cls, text: str) -> Limit | None:
        """Read `20/second`, `200/10 seconds`, `600/minute`, or `off`: no limit. Raises ValueError."""
        if text == "off":
            return None
        found = _NOTATION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no limit: write 20/second, 200/10 seconds, 600/minute or off")
        return cls(int(found[1]), int(found[2] or 1) * _SECONDS[found[3]])


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit of each kind of request; None: none.

    `auth` counts by address, `log_in` by the e-mail address that is tried, all others by principal, or by address
    where there is none.
    """

    auth: Limit | None = Limit(120, 60)
    log_in: Limit | None = Limit(10, 60)
    bets: Limit | None = Limit(200, 10)
    reads: Limit | None = Limit(600, 10)
    writes: Limit | None = Limit(100, 10)

    @classmethod
    def off(cls) -> Limits:
        """Return no limits at all: for a service that plays against itself."""
        return cls(None, None, None, None, None)
