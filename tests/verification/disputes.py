"""Ways to break a rule about operators' rulings in a copy of a log, and the event at which the difference shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.disputed_week import PROPOSER
from tests.verification.copies import Copy, Line, canonical

NOBODY = "00000000-0000-0000-0000-000000000000"


class Disputed(NamedTuple):
    """The logs of the week and of the office, and the cases by name."""

    lines: list[bytes]
    office: list[bytes]
    cases: dict[str, str]


class Tampered(Copy):
    """A copy of the week's log in which cases go by their names."""

    def __init__(self, disputed: Disputed) -> None:
        super().__init__(disputed.lines)
        self.cases = disputed.cases

    def step(self, name: str, step: str) -> Line:
        """The last event of a type in a case."""
        of_case = [event for event in self.events if event["stream"] == self.cases[name]]
        return [event for event in of_case if event["type"] == f"case.{step}"][-1]

    def rulings(self, name: str) -> list[Line]:
        """What the append that applied a case has in front of `case.applied`."""
        request = f"case/{self.cases[name]}"
        return [e for e in self.events if e["request"] == request and not e["type"].startswith("case.")]

    def settling(self, name: str, topic: str, number: int = 0) -> Line:
        """An event of a type behind the ruling of a case."""
        return [event for event in self.behind(self.rulings(name)[-1]) if event["type"] == topic][number]

    def propose(self, name: str, *, change: dict[str, Any] | None = None, **proposal: Any) -> None:
        """Have had something else proposed."""
        proposed = self.step(name, "proposed")
        said = json.loads(proposed["data"]["change"]) | proposal
        said["change"] |= change or {}
        proposed["data"]["change"] = canonical(said).decode()

    def insert(self, event: Line, *, behind: Line, **data: Any) -> Line:
        """Let an event like another stand behind one, in its append."""
        envelope = {name: behind[name] for name in ("recorded_at", "request", "actor")}
        twin = event | envelope | {"data": event["data"] | data}
        self.events.insert(self.events.index(behind) + 1, twin)
        return twin


# Cases.


def approve_by_the_proposer(copy: Tampered) -> Line:
    approved = copy.step("stadium closed", "approved")
    approved["actor"] = PROPOSER
    return approved


def approve_by_a_player(copy: Tampered) -> Line:
    approved = copy.step("stadium closed", "approved")
    approved["actor"] = "player"
    return approved


def approve_before_the_last_proposal(copy: Tampered) -> Line:
    """The approval of an earlier proposal is not one of what was applied."""
    copy.propose("wrong score", needs_approval=True)
    return copy.step("wrong score", "applied")


def approve_twice(copy: Tampered) -> Line:
    approved = copy.step("stadium closed", "approved")
    return copy.insert(approved, behind=approved)


def leave_the_approval_out(copy: Tampered) -> Line:
    copy.events.remove(copy.step("stadium closed", "approved"))
    return copy.step("stadium closed", "applied")


def rule_without_a_case(copy: Tampered) -> Line:
    case = copy.cases["wrong line"]
    copy.events = [event for event in copy.events if event["stream"] != case]
    return copy.rulings("wrong line")[0]


def rule_in_another_append(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("wrong line")
    ruling["request"] = "void"
    return ruling


def rule_as_the_clock(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("wrong line")
    ruling["actor"] = "clock"
    return ruling


def void_another_market_than_proposed(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("wrong line")
    quoted = [e["data"] for e in copy.events if e["type"] == "game.market_quoted" and e["data"]["market"] == "spread"]
    ruling["data"]["market_id"] = quoted[1]["market_id"]
    return ruling


def void_a_longer_interval_than_proposed(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("wrong line")
    ruling["data"]["placed_from"] = "2026-11-17T14:00:00.000000Z"
    return ruling


def record_another_score_than_proposed(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("score of overtime")
    ruling["data"]["home_score"] = 21
    return ruling


def jump_the_operators_revisions(copy: Tampered) -> Line:
    ruling = copy.rulings("score of overtime")[0]
    ruling["data"]["revision"] = 9
    return ruling


def tell_another_start_than_proposed(copy: Tampered) -> Line:
    ruling = copy.rulings("early start")[0]
    ruling["data"]["started_at"] = "2026-11-17T16:30:00.000001Z"
    return ruling


def lift_another_ruling_than_proposed(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("price was right")
    ruling["data"]["case_id"] = None
    return ruling


def tell_a_start_with_a_result(copy: Tampered) -> Line:
    """The lock of a ruling that is about something else."""
    locked = copy.rulings("stadium closed")[0]
    locked["data"]["started_at"] = locked["recorded_at"]
    return locked


def apply_on_another_resolution(copy: Tampered) -> Line:
    copy.propose("league confirmed", resolution=2)
    return copy.step("league confirmed", "applied")


def apply_without_the_ruling(copy: Tampered) -> Line:
    (ruling,) = copy.rulings("price was right")
    copy.events.remove(ruling)
    return copy.step("price was right", "applied")


def apply_without_a_proposal(copy: Tampered) -> Line:
    copy.events.remove(copy.step("one bet", "proposed"))
    return copy.step("one bet", "applied")


def propose_as_the_feed(copy: Tampered) -> Line:
    proposed = copy.step("wrong line", "proposed")
    proposed["actor"] = "feed:feed"
    return proposed


def propose_nonsense(copy: Tampered) -> Line:
    proposed = copy.step("no fault found", "opened")
    return copy.insert(
        copy.step("one bet", "proposed") | {"stream": proposed["stream"]}, behind=proposed, change='{"kind":"void"}'
    )


def keep_back_what_counts_again(copy: Tampered) -> Line:
    """An operator's word is released, and nobody says what settles the game now."""
    lifted, recorded = copy.rulings("league confirmed")
    copy.events.remove(recorded)
    return lifted


def leave_a_case_that_was_applied_open(copy: Tampered) -> Line:
    copy.events.remove(copy.step("one bet", "closed"))
    return copy.step("one bet", "applied")


def close_a_case_as_applied_when_nothing_moved(copy: Tampered) -> Line:
    closed = copy.step("too late", "closed")
    closed["data"]["outcome"] = "applied"
    return closed


def go_on_behind_the_end_of_a_case(copy: Tampered) -> Line:
    closed = copy.step("no fault found", "closed")
    return copy.insert(copy.step("one bet", "proposed") | {"stream": closed["stream"]}, behind=closed)


def open_a_case_in_another_stream(copy: Tampered) -> Line:
    for event in copy.events:
        if event["stream"] == copy.cases["no fault found"]:
            event["stream"] = NOBODY
    return next(event for event in copy.events if event["stream"] == NOBODY)


def open_a_case_twice(copy: Tampered) -> Line:
    opened = copy.step("no fault found", "opened")
    return copy.insert(opened, behind=opened)


def finalise_with_an_open_case(copy: Tampered) -> Line:
    final = copy.of("week.finalised")
    final |= {"actor": "clock", "request": "clock"}
    return final


BROKEN_CASES: list[Callable[[Tampered], Line]] = [
    approve_by_the_proposer,
    approve_by_a_player,
    approve_before_the_last_proposal,
    approve_twice,
    leave_the_approval_out,
    rule_without_a_case,
    rule_in_another_append,
    rule_as_the_clock,
    void_another_market_than_proposed,
    void_a_longer_interval_than_proposed,
    record_another_score_than_proposed,
    jump_the_operators_revisions,
    tell_another_start_than_proposed,
    lift_another_ruling_than_proposed,
    tell_a_start_with_a_result,
    apply_on_another_resolution,
    apply_without_the_ruling,
    apply_without_a_proposal,
    propose_as_the_feed,
    propose_nonsense,
    keep_back_what_counts_again,
    leave_a_case_that_was_applied_open,
    close_a_case_as_applied_when_nothing_moved,
    go_on_behind_the_end_of_a_case,
    open_a_case_in_another_stream,
    open_a_case_twice,
    finalise_with_an_open_case,
]


# Settlement under rulings.


def pay_a_voided_bet(copy: Tampered) -> Line:
    returned = copy.settling("wrong line", "account.stake_returned")
    data = returned["data"]
    returned["type"] = "account.bet_won"
    returned["data"] = {name: data[name] for name in ("available", "bet_id", "resolution")} | {"payout": data["amount"]}
    return returned


def void_a_bet_outside_the_interval(copy: Tampered) -> Line:
    returned = copy.settling("wrong line", "account.stake_returned")
    stakes = [
        e["data"] for e in copy.events if e["type"] == "account.stake_placed" and e["stream"] == returned["stream"]
    ]
    returned["data"]["bet_id"] = stakes[0]["bet_id"]
    return returned


def give_a_void_another_reason(copy: Tampered) -> Line:
    returned = copy.settling("wrong line", "account.stake_returned")
    returned["data"]["reason"] = "cancelled"
    return returned


def count_the_bets_that_stay_open(copy: Tampered) -> Line:
    chunk = copy.settling("wrong line", "settlement.chunk_settled", 1)
    chunk["data"]["bets"] += 1
    return chunk


def count_a_resolution_twice(copy: Tampered) -> Line:
    ruling = copy.rulings("price of another game")[0]
    ruling["data"]["resolution"] += 1
    return ruling


def apply_when_the_week_is_final(copy: Tampered) -> Line:
    ruling = copy.rulings("too late")[0]
    ruling["data"] |= {"applied": True, "resolution": 4}
    return ruling


def lift_what_does_not_stand(copy: Tampered) -> Line:
    ruling = copy.rulings("price was right")[0]
    ruling["data"]["case_id"] = copy.cases["one bet"]
    return ruling


def keep_a_late_bet_after_the_real_start(copy: Tampered) -> Line:
    corrected = copy.settling("early start", "account.payout_corrected")
    corrected["data"]["reason"] = "result"
    return corrected


BROKEN_SETTLEMENTS: list[Callable[[Tampered], Line]] = [
    pay_a_voided_bet,
    void_a_bet_outside_the_interval,
    give_a_void_another_reason,
    count_the_bets_that_stay_open,
    count_a_resolution_twice,
    apply_when_the_week_is_final,
    lift_what_does_not_stand,
    keep_a_late_bet_after_the_real_start,
]


def note_an_act_behind_the_seal(copy: Tampered) -> Line:
    sealed = copy.of("week.sealed")
    noted = copy.step("no fault found", "opened")
    return copy.insert(noted | {"stream": NOBODY}, behind=sealed)


BROKEN: dict[str, list[Callable[[Tampered], Line]]] = {
    "case": BROKEN_CASES,
    "settlement": BROKEN_SETTLEMENTS,
    "week": [note_an_act_behind_the_seal],
}
"""By the kind of the difference: what is done; it returns the event at which both verifiers name it."""
