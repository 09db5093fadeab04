"""What reads have in common: the week that a path names, reading one's own writes, and how rows are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from fastapi import Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict

from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger import weeks
from ledger.ids import position_token
from ledger.instants import instant_text
from ledger.recorder import LogArchived, LogNotOpen

_TOKEN: Final = r"^(office|\d{4}-W\d{2}(\.c\d+)?):(0|[1-9]\d{0,17})$"
_NAMED_WEEKS: Final = ("current", "next")

_POSITION: Final[dict[str, Any]] = {"format": "position"}

After = Annotated[
    str | None,
    Query(
        pattern=_TOKEN,
        description="Answer no older than this position, `2026-W47:5123`.",
        json_schema_extra=_POSITION,
    ),
]
AfterPosition = Annotated[
    str | None,
    Header(pattern=_TOKEN, description="The same as the query parameter `after`.", json_schema_extra=_POSITION),
]


class Shown(BaseModel):
    """The base of what clients see of a row: the columns that a subclass names, under their own names.

    A `position` is shown as its token, which names the log too.
    """

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        """Show a row of a projection; `more` is what the row does not have, or is to be shown otherwise."""
        columns = {name: getattr(row, name) for name in cls.model_fields if name not in more and hasattr(row, name)}
        if "position" in columns:
            columns["position"] = position_token(row.log, row.position)
        return cls(**columns, **more)


def week_named(week: str, services: ServicesDep) -> str:
    """Return the id of the week that a path names: itself, `current` or `next`. Raises Refusal `unknown_week`."""
    current = weeks.week_at(services.clock())
    if week in _NAMED_WEEKS:
        return current if week == "current" else weeks.following(current)
    try:
        weeks.starts_at(week)
    except weeks.WeekIdError as error:
        raise Refusal("unknown_week", str(error)) from error
    return week


def week_opened(services: ServicesDep, week: Annotated[str, Depends(week_named)]) -> str:
    """Return the id of the week that a path names, which the ledger knows. Raises Refusal `unknown_week`.

    Of an archived week there is all that is projected; what needs its events raises LogArchived.
    """
    if week not in services.ledger.weeks() and not services.ledger.archives.is_away(week):
        raise not_open(week, services.clock())
    return week


def not_open(week: str, now: datetime) -> Refusal:
    """Return the refusal of a week that has no book: it says when the week is, and what it waits for."""
    starts_at, ends_at = weeks.starts_at(week), weeks.ends_at(week)
    when = f"from {instant_text(starts_at)} to {instant_text(ends_at)}"
    if now < starts_at:
        return Refusal(
            "unknown_week",
            f"Week {week}, {when}, is not open yet: weeks open for enrolment once the week before them is drawn.",
        )
    return Refusal("unknown_week", f"Week {week}, {when}, was not opened.")


async def caught_up(
    request: Request,
    services: ServicesDep,
    after: After = None,
    after_position: AfterPosition = None,
) -> None:
    """Wait until the read models have come to a position that the client has seen; `projections_behind` if in vain.

    A token of another week's log than the path's, or of a position that nobody was ever given, is not waited for.
    """
    token = after or after_position
    if token is None:
        return
    log, _, position = token.rpartition(":")
    named = request.path_params.get("week")
    if named is not None and week_named(named, services) != log:
        return
    if not await run_in_threadpool(_wait, services, log, int(position)):
        raise Refusal("projections_behind", f"The read models have not come to {token} yet: ask again.")


def _wait(services: Services, log: str, position: int) -> bool:
    try:
        # A log in which nothing has happened is one that no projection has begun to read.
        if position == 0 or position > services.ledger.recorder(log).head().position:
            return True
    except (LogNotOpen, LogArchived):
        # What is archived was projected to its end before.
        return True
    return services.runner.reading.wait_for(log, position, timeout=services.reads_wait.total_seconds())


WeekNamed = Annotated[str, Depends(week_named)]
WeekOpened = Annotated[str, Depends(week_opened)]
CAUGHT_UP: Final = Depends(caught_up)
