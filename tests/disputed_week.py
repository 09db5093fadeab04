"""A week in which operators rule, played once for many tests: what a case can be, on four games and four players.

Bets are void before there is a result and after it, by market, by id and by when they were placed, and two of these
rulings are lifted. Results are an operator's, corrected by operators, and released to the feed's again. A real start
becomes known. Cases are proposed twice, approved, closed without a change, and merely noted. After the end rulings are
recorded and move nothing; then the week is sealed. The log is the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID, uuid5

from ledger import cases, closing, disputing
from ledger.datastore import Datastore
from ledger.events import Regulation
from ledger.ids import OFFICE, market_id
from ledger.instants import Instant
from ledger.proposal import Change, Effect, Proposal
from ledger.rules import Prize, Rules
from tests.examples import at
from tests.feeds.small_week import PLAYERS, SmallWeek

NAMES: Final = ("ann", "ben", "cat", "dan")
RULES: Final = Rules(pool_max=2, prizes=(Prize(rank=1, amount_cents=500),), prize_min_entries=2)
PROPOSER: Final = "operator:olga"
APPROVER: Final = "operator:otto"
_EFFECT: Final = Effect(bets=1, moved=1, paid_before=0, paid_after=1, below_zero=0, ranks=0, prizes=0)


class DisputedWeek(SmallWeek):
    """A small week with operators. `cases` are the ids of what they opened, by a short name."""

    def __init__(self, datastore: Datastore) -> None:
        super().__init__(datastore, bets_a_chunk=3)
        self.cases: dict[str, UUID] = {}
        numbers = count(1)
        self.ledger.new_id = lambda: uuid5(PLAYERS, f"entry {next(numbers)}")

    def open_case(self, name: str, game: str) -> UUID:
        """Open a case on a game."""
        subject = f"game:{self.listing(game).game_id}"
        said: dict[str, Any] = {"subject": subject, "reason": f"{name}, says the league", "actor": PROPOSER}
        opened = disputing.open_case(self.ledger, week=self.week, request=name, **said).result()
        self.cases[name] = opened.stream
        return opened.stream

    def propose(self, name: str, game: str, *, approval: bool = False, **change: Any) -> None:
        """Propose a change of a game in a case that is open."""
        game_id = self.listing(game).game_id
        desk = self.ledger.desk(self.week)
        resolution = desk.ask(lambda on: on.settlement(game_id).resolution, actor="test", request="look").result()
        disputing.propose(
            self.ledger,
            week=self.week,
            case_id=self.cases[name],
            proposal=Proposal(
                change=Change(game_id=game_id, **change),
                effect=_EFFECT,
                needs_approval=approval,
                resolution=resolution,
            ),
            preview_hash=f"preview of {name}",
            actor=PROPOSER,
            request=f"propose {name} {sorted(change)}",
        ).result()

    def approve(self, name: str) -> None:
        """Have another operator agree."""
        disputing.approve(
            self.ledger,
            week=self.week,
            case_id=self.cases[name],
            preview_hash=f"preview of {name}",
            actor=APPROVER,
            request=f"approve {name}",
        ).result()

    def rule(self, name: str, game: str, *, approval: bool = False, **change: Any) -> None:
        """Open a case, propose a change, have it approved if so told, and carry it out."""
        self.open_case(name, game)
        self.propose(name, game, approval=approval, **change)
        if approval:
            self.approve(name)
        disputing.apply(self.ledger, week=self.week, case_id=self.cases[name], actor=APPROVER).result()
        self.react()

    def market(self, game: str, name: str) -> UUID:
        return market_id(self.listing(game).game_id, name)


@contextmanager
def disputed_week(dsn: str) -> Iterator[DisputedWeek]:
    """Give the week as it stands when it is sealed, in a database that was empty before."""
    datastore = Datastore(dsn)
    week = DisputedWeek(datastore)
    try:
        _begin(week)
        _rule_before_results(week)
        _rule_on_results(week)
        _end(week)
        yield week
    finally:
        week.close()
        datastore.close()


def _begin(week: DisputedWeek) -> None:
    """Four games, and bets of Tuesday morning on each."""
    week.begin(*NAMES, rules=RULES)
    week.clock.set(at("Mon 12:00"))
    for name, starts in (("thu", "Thu 20:15"), ("fri", "Fri 19:00"), ("sat", "Sat 16:00"), ("sun", "Sun 13:00")):
        week.listed(name, at(starts))
    for hour, line in (("09", "44.5"), ("10", "54.5"), ("11", "45.5")):
        week.clock.set(at(f"Tue {hour}:00"))
        week.quote("fri", "total", line=line, prices={"over": -110, "under": -110})
        for number, player in enumerate(NAMES):
            week.bet(player, "fri", "total", ("over", "under")[number % 2], 20 + number)
    for number, player in enumerate(NAMES):
        week.bet(player, "thu", "moneyline", ("home", "away")[number % 2], 50 + number)
        week.bet(player, "sat", "spread", ("home", "away")[number % 2], 10 + number)
        week.bet(player, "sun", "moneyline", ("home", "away")[number % 2], 30 + number)
    week.react()


def _rule_before_results(week: DisputedWeek) -> None:
    """A line that was wrong for an hour, one bet that is returned for a while, and a game that is never played."""
    interval: dict[str, Any] = {"placed_from": _instant("Tue 10:00"), "placed_until": _instant("Tue 10:30")}
    week.rule("wrong line", "fri", kind="void", market_id=week.market("fri", "total"), **interval)
    bet = week.bet("ann", "sun", "total", "over", 25)
    week.clock.set(at("Tue 12:00"))
    week.bet("dan", "fri", "total", "under", 40)
    week.rule("one bet", "sun", kind="void", bet_id=bet)
    week.rule("the bet stands", "sun", kind="lift", lifts=week.cases["one bet"])
    week.rule("stadium closed", "sat", kind="result", approval=True, status="cancelled")
    week.open_case("no fault found", "thu")
    disputing.close_case(
        week.ledger,
        week=week.week,
        case_id=week.cases["no fault found"],
        outcome="the feed was right",
        actor=APPROVER,
        request="close",
    ).result()
    for log, subject in ((week.week, "projection:bets"), (OFFICE, "projection:all")):
        cases.note_act(
            week.ledger,
            log=log,
            subject=subject,
            reason="a row looked odd",
            outcome="rebuilt",
            actor=PROPOSER,
            request="rebuild",
        ).result()


def _rule_on_results(week: DisputedWeek) -> None:
    """A score that is corrected, corrected again and released, a late start, and a void that comes and goes."""
    week.live_until(at("Thu 23:30"))
    week.result("thu", 30, 20)
    week.react()
    week.open_case("wrong score", "thu")
    week.propose("wrong score", "thu", approval=True, kind="result", status="final", home_score=1, away_score=0)
    week.approve("wrong score")
    week.propose("wrong score", "thu", kind="result", status="cancelled")
    disputing.apply(week.ledger, week=week.week, case_id=week.cases["wrong score"], actor=PROPOSER).result()
    week.react()
    score = {"status": "final", "home_score": 20, "away_score": 30, "regulation": Regulation(away=20, home=20)}
    week.rule("score of overtime", "thu", kind="result", approval=True, **score)
    week.result("thu", 31, 20, revision=2)
    week.rule("league confirmed", "thu", kind="lift")
    week.live_until(at("Fri 22:00"))
    week.result("fri", 24, 21)
    week.react()
    week.rule("early start", "fri", kind="start", started_at=_instant("Tue 11:30"))
    week.live_until(at("Sat 16:30"))
    # The operator's word, that it is cancelled, settles the game once more, as a real start may make bets late.
    week.status("sat", "in_progress", started_at=at("Sat 15:50"))
    week.live_until(at("Sun 17:00"))
    week.result("sun", 10, 24)
    week.react()
    week.rule("price of another game", "sun", kind="void", market_id=week.market("sun", "moneyline"))


def _end(week: DisputedWeek) -> None:
    """A correction once all is settled, and what is recorded when the week is final."""
    week.live_until(at("next Mon 12:00"))
    assert week.state() == "settled"
    week.rule("price was right", "sun", kind="lift", lifts=week.cases["price of another game"])
    assert week.state() == "settled"
    week.open_case("left open", "sun")
    week.live_until(at("next Mon 12:00") + timedelta(hours=100))
    assert week.state() == "settled"
    closing.finalise_week(
        week.ledger, week=week.week, actor=PROPOSER, request=closing.override_request("all is known"), override=True
    )
    week.propose("left open", "sun", kind="result", status="cancelled")
    disputing.apply(week.ledger, week=week.week, case_id=week.cases["left open"], actor=APPROVER).result()
    week.rule("too late", "fri", kind="void", market_id=week.market("fri", "total"))
    week.rule("too late to lift", "fri", kind="lift", lifts=week.cases["wrong line"])
    week.rule("too late to start", "thu", kind="start", started_at=_instant("Tue 11:30"))
    closing.seal_week(week.ledger, week=week.week, actor=PROPOSER, request="seal")
    week.react()


def _instant(said: str) -> Instant:
    moment: datetime = at(said)
    return Instant.of(moment)
