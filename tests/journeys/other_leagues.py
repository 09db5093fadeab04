"""A week of soccer and hockey by a made-up source, with all that can go wrong in a feed."""

from __future__ import annotations

import json
from typing import Any

_SOURCE = "northern"


def feed_of_other_leagues() -> bytes:
    """Return a feed file: seven games, one of them of the next week, and two lines that are no messages."""
    lines = [
        *_listed("e1", "EPL", "ARS", "CHE", "2025-03-08T15:00:00Z", three_way=True),
        *_listed("e2", "EPL", "LIV", "MUN", "2025-03-08T17:30:00Z", three_way=True),
        *_listed("e3", "EPL", "TOT", "EVE", "2025-03-09T14:00:00Z", three_way=True),
        *_listed("h1", "NHL", "BOS", "MTL", "2025-03-07T00:00:00Z", three_way=False),
        *_listed("h2", "NHL", "NYR", "TOR", "2025-03-08T00:00:00Z", three_way=False),
        *_listed("h3", "NHL", "VAN", "CGY", "2025-03-09T02:00:00Z", three_way=False),
        *_listed("e4", "EPL", "LEE", "WHU", "2025-03-12T20:00:00Z", three_way=True),
        _line("prop", "2025-03-03T06:00:00Z", "e1", market="moneyline"),
        _line("quote", "2025-03-03T06:00:01Z", "e1", market="total", line="2.25", prices={"over": -110, "under": -110}),
        _line("status", "2025-03-07T00:04:00Z", "h1", status="in_progress", started_at="2025-03-07T00:03:00Z"),
        _line("result", "2025-03-07T02:40:00Z", "h1", **_final(1, 4, 3)),
        # Abandoned on Friday night, and a correction of Thursday's game while that is settled already.
        _line("status", "2025-03-08T01:20:00Z", "h2", status="abandoned"),
        _line("result", "2025-03-08T10:00:00Z", "h1", **_final(2, 4, 4)),
        _line("result", "2025-03-08T16:55:00Z", "e1", **_final(1, 2, 2)),
        # A cup tie that went to extra time: bets settle on the ninety minutes.
        _line("result", "2025-03-08T20:10:00Z", "e2", **_final(1, 3, 2), regulation={"home": 2, "away": 2}),
        _line("status", "2025-03-09T01:00:00Z", "h3", status="postponed", starts_at="2025-03-13T02:00:00Z"),
        _line("result", "2025-03-09T15:55:00Z", "e3", **_final(1, 1, 0, certainty="provisional")),
        _line("result", "2025-03-09T16:30:00Z", "e3", **_final(2, 1, 1)),
        _line("result", "2025-03-09T16:30:00Z", "e3", **_final(2, 1, 1)),
    ]
    lines.sort(key=lambda line: str(line["at"]))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _listed(game: str, league: str, home: str, away: str, starts_at: str, *, three_way: bool) -> list[dict[str, Any]]:
    opening = "2025-03-03T05:00:00Z"
    draw = {"draw": 240} if three_way else {}
    return [
        _line("game", opening, game, league=league, home=home, away=away, starts_at=starts_at),
        _line("quote", opening, game, market="moneyline", line=None, prices={"home": 130, **draw, "away": 190}),
        _line("quote", opening, game, market="spread", line="-1.0", prices={"home": 155, "away": -175}),
        _line("quote", opening, game, market="total", line="4.0", prices={"over": 105, "under": -125}),
    ]


def _final(revision: int, home: int, away: int, *, certainty: str = "official") -> dict[str, Any]:
    return {"revision": revision, "certainty": certainty, "home_score": home, "away_score": away}


def _line(kind: str, at: str, game: str, **fields: Any) -> dict[str, Any]:
    return {"v": 1, "type": kind, "at": at, "source": _SOURCE, "game_id": game, **fields}
