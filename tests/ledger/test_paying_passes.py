"""A paid pass enrols its player once, or goes back: which of the two is decided in the week's log, for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from ledger import paying
from ledger.entry import AlreadyEnrolled
from ledger.events import AccountOpened, EntryEnrolled, EntryWithdrawn, PaymentAccepted, PaymentRefused
from ledger.facts import Fact
from ledger.payment import PurchaseRefused
from ledger.recorder import LogNotOpen
from ledger.rules import Rules
from ledger.week import BettingClosed, RegistrationClosed
from tests.examples import ENDS_AT, STARTS_AT, WEEK
from tests.ledger.buying import OTHER, PAYMENT, accepted, refuse, refused, use_pass, verdicts
from tests.ledger.desks import at_once, lose_the_answer, meanwhile
from tests.ledger.playing import House

PLAYER, PASS = UUID(int=1), "weekly_pass"
TICK = timedelta(microseconds=1)
UNTIL = STARTS_AT - timedelta(minutes=30)


def require(house: House, entry: UUID | None = None) -> None:
    paying.require_pass(house.ledger, week=WEEK, entry=entry, until=UNTIL)


def entry_of(house: House) -> UUID:
    entry = house.ledger.entries.entry_of(player_id=PLAYER, week=WEEK)
    assert entry is not None
    return entry


def test_passes_are_sold_until_shortly_before_the_start(house: House) -> None:
    """The last microsecond counts; asking leaves nothing in the log."""
    house.open_week()
    head = house.recorder().head()
    house.clock.now = UNTIL - TICK
    require(house)
    for now in (UNTIL, STARTS_AT):
        house.clock.now = now
        with pytest.raises(RegistrationClosed):
            require(house)
    assert house.recorder().head() == head


def test_pass_is_not_sold_in_vain(house: House) -> None:
    """Neither for a week that is not open, nor to who takes part; who withdrew may buy one."""
    with pytest.raises(LogNotOpen):
        require(house)
    house.open_week()
    entry = house.enrol(PLAYER)
    with pytest.raises(AlreadyEnrolled):
        require(house, entry)
    house.withdraw(PLAYER)
    require(house, entry)


def test_pass_enrols_its_player(house: House) -> None:
    """The purchase is accepted in the same append; asked again, also after the start, the answer is the first."""
    house.open_week()
    enrolled = use_pass(house, PLAYER)
    entry = entry_of(house)
    assert isinstance(enrolled.event, EntryEnrolled)
    assert (enrolled.event.via, enrolled.event.payment_id) == ("week_pass", str(PAYMENT))
    assert verdicts(house) == [accepted(entry, kind=PASS)]
    house.clock.now = STARTS_AT
    house.draw()
    assert use_pass(house, PLAYER).token == enrolled.token
    assert refuse(house, kind=PASS) == accepted(entry, kind=PASS)
    house.audit()


def test_pass_is_used_once_however_often_it_is_asked(house: House) -> None:
    """Twenty times at once, through two services."""
    house.open_week()
    houses = [house, house.another()]
    answers = at_once([partial(use_pass, houses[number % 2], PLAYER) for number in range(20)])
    assert len({answer.token for answer in answers if isinstance(answer, Fact)}) == 1
    assert len(house.events(EntryEnrolled, PaymentAccepted)) == 2
    house.audit()


def test_pass_in_doubt_is_used_once(house: House) -> None:
    """The commit came through and the answer was lost."""
    house.open_week()
    lose_the_answer(house.ledger.desk(WEEK))
    assert isinstance(use_pass(house, PLAYER).event, EntryEnrolled)
    house.audit()


def test_two_passes_at_once_enrol_once(house: House) -> None:
    """One payment is accepted, the other one buys nothing and is refused."""
    house.open_week()
    houses = [house, house.another()]
    payments = [PAYMENT, OTHER] * 4
    answers = at_once([partial(use_pass, houses[n // 2 % 2], PLAYER, payment) for n, payment in enumerate(payments)])
    by = {str(answer.event.payment_id) for answer in answers if isinstance(answer, Fact)}  # type: ignore[attr-defined]
    in_vain = [payment for payment in (PAYMENT, OTHER) if str(payment) not in by]
    assert len(in_vain) == 1
    assert [type(answer) for answer in answers].count(AlreadyEnrolled) == 4
    assert refuse(house, in_vain[0], kind=PASS, reason="second") == refused(in_vain[0], reason="second", kind=PASS)
    assert [type(each) for each in verdicts(house)] == [PaymentAccepted, PaymentRefused]
    house.audit()


def test_pass_of_who_takes_part_is_of_no_use(house: House) -> None:
    """A free entry, or a subscription, was there first."""
    house.open_week()
    house.enrol(PLAYER)
    with pytest.raises(AlreadyEnrolled):
        use_pass(house, PLAYER)
    assert verdicts(house) == []


def test_refused_pass_enrols_nobody(house: House) -> None:
    """And leaves no entry behind."""
    house.open_week()
    assert refuse(house, kind=PASS) == refused(reason="erased", kind=PASS)
    with pytest.raises(PurchaseRefused, match="refused before: erased"):
        use_pass(house, PLAYER)
    assert refuse(house, kind=PASS, reason="late") == refused(reason="erased", kind=PASS)
    assert house.ledger.entries.entries_of(player_id=PLAYER) == []
    house.audit()


def test_refusing_races_with_using(house: House) -> None:
    """Ten passes, each used and refused at the same moment by two services: one of the two, and that for ever."""
    house.open_week()
    houses, players = [house, house.another()], range(1, 11)
    commands: list[Callable[[], Any]] = []
    for number in players:
        commands.append(partial(use_pass, houses[number % 2], UUID(int=number), UUID(int=100 + number)))
        commands.append(partial(refuse, houses[1 - number % 2], UUID(int=100 + number), kind=PASS))
    answers = at_once(commands)
    for number, used, told in zip(players, answers[::2], answers[1::2], strict=True):
        assert isinstance(told, PaymentRefused if isinstance(used, PurchaseRefused) else PaymentAccepted)
        assert refuse(house, UUID(int=100 + number), kind=PASS, reason="later") == told
        assert (house.ledger.entries.entry_of(player_id=UUID(int=number), week=WEEK) is None) != isinstance(used, Fact)
    assert len(verdicts(house)) == 10
    house.audit()


@pytest.mark.parametrize("is_refused_first", [False, True])
def test_who_comes_first_decides(house: House, is_refused_first: bool) -> None:
    """What was decided when the other had not come yet is decided again before it is appended."""
    house.open_week()
    other = house.another()
    if is_refused_first:
        meanwhile(house.ledger.desk(WEEK), lambda: refuse(other, kind=PASS))
        with pytest.raises(PurchaseRefused):
            use_pass(house, PLAYER)
        assert verdicts(house) == [refused(reason="erased", kind=PASS)]
    else:
        meanwhile(house.ledger.desk(WEEK), lambda: use_pass(other, PLAYER))
        assert refuse(house, kind=PASS) == accepted(entry_of(house), kind=PASS)
    house.audit()


def test_withdrawn_pass_goes_back(house: House) -> None:
    """It enrols nobody again, and is refused after all; the player may come back by other means."""
    house.open_week()
    use_pass(house, PLAYER)
    house.withdraw(PLAYER)
    with pytest.raises(PurchaseRefused, match="who withdrew"):
        use_pass(house, PLAYER)
    assert refuse(house, kind=PASS, reason="withdrawn") == refused(reason="withdrawn", kind=PASS)
    with pytest.raises(PurchaseRefused, match="refused before: withdrawn"):
        use_pass(house, PLAYER)
    use_pass(house, PLAYER, OTHER)
    assert refuse(house, kind=PASS) == refused(reason="withdrawn", kind=PASS)
    assert refuse(house, OTHER, kind=PASS) == accepted(entry_of(house), OTHER, kind=PASS)
    assert len(house.events(EntryEnrolled)) == 2
    house.audit()


def test_withdrawal_races_with_the_refusal(house: House) -> None:
    """A pass that is still in use when it is refused stands; once withdrawn, it goes back."""
    house.open_week()
    use_pass(house, PLAYER)
    commands: list[Callable[[], Any]] = [partial(refuse, house, kind=PASS)]
    commands.append(partial(house.another().withdraw, PLAYER))
    answers = at_once(commands)
    left = next(fact.position for fact in house.facts() if isinstance(fact.event, EntryWithdrawn))
    gone = [fact.position for fact in house.facts() if isinstance(fact.event, PaymentRefused)]
    assert isinstance(answers[0], PaymentRefused) == bool(gone)
    assert all(position > left for position in gone)
    assert refuse(house, kind=PASS) == refused(reason="erased", kind=PASS)
    house.audit()


def test_pass_of_who_was_erased_stands(house: House) -> None:
    """Nobody knows any more whose the entry is; it plays, and its payment was accepted."""
    house.open_week()
    use_pass(house, PLAYER)
    entry = entry_of(house)
    with house.ledger.datastore.connection() as connection:
        connection.execute("DELETE FROM entries")
    with pytest.raises(PurchaseRefused):
        use_pass(house, PLAYER)
    assert refuse(house, kind=PASS) == accepted(entry, kind=PASS)
    house.audit()


def test_pass_that_is_paid_too_late_is_refused(house: House) -> None:
    """The week has started: there is neither an entry nor a row, and the money goes back."""
    house.open_week()
    house.clock.now = STARTS_AT
    with pytest.raises(RegistrationClosed):
        use_pass(house, PLAYER)
    assert house.ledger.entries.entries_of(player_id=PLAYER) == []
    assert refuse(house, kind=PASS, reason="late") == refused(reason="late", kind=PASS)
    with pytest.raises(PurchaseRefused):
        use_pass(house, PLAYER)
    house.audit()


def test_pass_may_come_late_where_the_rules_say_so(house: House) -> None:
    """Enrolled, dealt into a pool and accepted in one append, once, until the week ends."""
    house.grouped(1, rules=Rules(late_entry=True))
    houses, late = [house, house.another()], UUID(int=2)
    answers = at_once([partial(use_pass, houses[number % 2], late) for number in range(6)])
    assert len({answer.token for answer in answers if isinstance(answer, Fact)}) == 1
    assert len(house.events(AccountOpened)) == 2
    house.close_week(ENDS_AT)
    with pytest.raises(BettingClosed):
        use_pass(house, UUID(int=3), OTHER)
    house.audit()
