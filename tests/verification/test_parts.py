"""The parts of the stranger's program, held against published vectors, other libraries, and the ledger's own rules."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from uuid import UUID, uuid5

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import draw, facts, ids, odds, prizes, standings, weeks
from ledger.events import event_types
from ledger.grading import FinalScore, GradingError, Result, Terms, grade
from ledger.instants import Instant
from ledger.proofs.merkle import Frontier, inclusion_proof, leaf_hash, root_at
from ledger.proofs.notes import Verifier
from ledger.proposal import Change, Effect, Proposal
from ledger.rules import Prize, Rules, rules_hash
from tests.examples import KICK_OFF, WEEK
from tests.verification.stranger import program

stranger = program()
CONTRACT = Path(__file__).parents[1] / "ledger" / "event_contract.json"
IDS = st.uuids(version=4)
QUICK = settings(max_examples=25, deadline=None)

# RFC 8032 §7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
)


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_signatures_of_the_rfc_hold(public: str, message: str, signature: str) -> None:
    """And no other does: of another message, with a bit turned over, cut off, or with a group order added to s."""
    key = stranger.Key(str(Verifier("rfc", bytes.fromhex(public))))
    text, signed = bytes.fromhex(message), bytes.fromhex(signature)
    assert key.has_signed(text, signed)
    s = int.from_bytes(signed[32:], "little") + stranger.ORDER
    for wrong in (signed[:-1], bytes([signed[0] ^ 1]) + signed[1:], signed[:32] + s.to_bytes(32, "little"), b""):
        assert not key.has_signed(text, wrong)
    assert not key.has_signed(text + b"x", signed)


@QUICK
@given(secret=st.binary(min_size=32, max_size=32), text=st.binary(max_size=200))
def test_signatures_of_another_library_hold(secret: bytes, text: bytes) -> None:
    """Whatever the key, whatever was signed."""
    private = Ed25519PrivateKey.from_private_bytes(secret)
    key = stranger.Key(str(Verifier("any", private.public_key().public_bytes_raw())))
    assert key.has_signed(text, private.sign(text))
    assert not key.has_signed(text, private.sign(text + b"x"))


@pytest.mark.parametrize("public", [b"\x02" + bytes(31), b"\xff" * 32, b"\x01" + bytes(30) + b"\x80"])
def test_key_that_is_no_point_of_the_curve_is_refused(public: bytes) -> None:
    """No x for that y, a y beyond the field, and the sign of an x that is 0."""
    with pytest.raises(stranger.Unsound):
        stranger.Key(str(Verifier("odd", public)))


def test_every_event_of_the_contract_has_its_form() -> None:
    """Topics, schemas and fields are those that the ledger has frozen; a new one is one more line in the program."""
    contract = json.loads(CONTRACT.read_text())
    for topic, frozen in contract.items():
        form = stranger.FORMS[topic, frozen["schema"]]
        assert form.names == sorted(frozen["data"]), topic
    known = {topic for topic, _ in stranger.FORMS}
    assert known == set(event_types())


def test_proposals_have_the_fields_of_the_ledger() -> None:
    """All of them, in their order, with those that are null."""
    for form, struct in ((stranger.PROPOSAL, Proposal), (stranger.CHANGE, Change), (stranger.EFFECT, Effect)):
        assert form.names == sorted(struct.__struct_fields__)


@QUICK
@given(size=st.integers(1, 80), index=st.integers(0, 79))
def test_tree_and_proofs_are_those_of_the_ledger(size: int, index: int) -> None:
    """A root at each size, and a proof that leads to it from its leaf and from no other place."""
    leaves, theirs, ours = [leaf_hash(b"%d" % number) for number in range(size)], Frontier(), stranger.Tree()
    for leaf in leaves:
        theirs.append(leaf)
        ours.append(leaf)
    assert ours.root() == theirs.root()

    def node(level: int, place: int) -> bytes:
        return (
            leaves[place]
            if level == 0
            else stranger.node_hash(node(level - 1, 2 * place), node(level - 1, 2 * place + 1))
        )

    index %= size
    proof = inclusion_proof(node, index=index, size=size)
    assert stranger.proven_root(leaves[index], index, size, proof) == root_at(node, size)
    assert stranger.proven_root(leaves[index], index, size, [*proof, leaves[0]]) is None
    assert stranger.proven_root(leaves[index], (index + 1) % size, size, proof) != root_at(node, size) or size == 1


@QUICK
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abcXYZ_019"), inner),
    )
)
def test_canonical_bytes_are_those_of_the_ledger(value: object) -> None:
    """Two writers of JSON that share no line come to the same bytes, and what is read is what was written."""
    assert stranger.canonical(value) == facts.canonical(value)
    assert stranger.read_canonical(facts.canonical({"a": value})) == {"a": value}


@QUICK
@given(space=IDS, name=st.text(max_size=30), moment=st.datetimes())
def test_ids_are_those_of_the_ledger(space: UUID, name: str, moment: object) -> None:
    """Names in a namespace give the ids of RFC 9562."""
    assert stranger.uuid5(str(space), name) == str(uuid5(space, name))
    assert str(ids.FAIRPOOL) == stranger.FAIRPOOL


@QUICK
@given(day=st.dates(date(1987, 1, 5), date(2999, 12, 30)))
def test_weeks_begin_when_new_york_says(day: date) -> None:
    """Daylight time by rule, without a table of time zones."""
    year, number, _ = day.isocalendar()
    week = f"{year}-W{number:02}"
    monday = stranger.monday(week)
    assert stranger.midnight_in_new_york(monday) == str(Instant.of(weeks.starts_at(week)))
    saturday = monday.fromordinal(monday.toordinal() + 5)
    assert stranger.midnight_in_new_york(saturday) == str(Instant.of(weeks.buy_back_cutoff(week)))


@QUICK
@given(stake=st.integers(1, 10**6), price=st.integers(100, 10_000), sign=st.sampled_from([1, -1]))
def test_payouts_are_those_of_the_ledger(stake: int, price: int, sign: int) -> None:
    """Floored to a whole credit, on either side of zero."""
    assert stranger.payout(stake, sign * price) == odds.payout(stake, sign * price)


@QUICK
@given(
    market=st.sampled_from(["moneyline", "spread", "total", "prop"]),
    outcome=st.sampled_from(["home", "draw", "away", "over", "under"]),
    half_points=st.integers(-20, 120),
    home=st.integers(0, 60),
    away=st.integers(0, 60),
    three_way=st.booleans(),
)
def test_bets_are_graded_as_in_the_ledger(
    market: str, outcome: str, half_points: int, home: int, away: int, three_way: bool
) -> None:
    """Won, lost or pushed alike; what no rule grades is graded by neither."""
    line = None if market == "moneyline" else odds.line_text(half_points)
    terms = Terms(market=market, outcome=outcome, line=line, price=-110, stake=10, recorded_at=KICK_OFF)
    beaten = stranger.beaten_by(market, outcome, line, home, away, three_way=three_way)
    try:
        verdict = grade(terms, Result("final", FinalScore(home, away)), three_way=three_way).verdict
    except GradingError:
        assert beaten is None
    else:
        assert verdict == ("won" if beaten > 0 else "lost" if beaten < 0 else "push")


@QUICK
@given(entries=st.sets(IDS, max_size=40), pool_max=st.integers(1, 12), seed=st.binary(min_size=32, max_size=32))
def test_draw_is_that_of_the_ledger(entries: set[UUID], pool_max: int, seed: bytes) -> None:
    """The same pools by the same names, with a beacon and without."""
    for chain, round_, randomness in (("", 0, ""), ("52db9ba7", 657413, "fc1873a1")):
        theirs = draw.deal(
            week=WEEK,
            entries=entries,
            pool_max=pool_max,
            seed=seed,
            chain=chain,
            round=round_,
            randomness_hex=randomness,
        )
        ours = stranger.deal(
            WEEK, map(str, entries), pool_max=pool_max, seed=seed, beacon=f"{chain}\n{round_}\n{randomness}\n"
        )
        assert ours == {pool.name: [str(entry) for entry in pool.entries] for pool in theirs}
    assert stranger.roster_hash(WEEK, map(str, entries)) == draw.roster_hash(WEEK, entries)


@QUICK
@given(index=st.integers(0, 20_000))
def test_pools_are_named_as_in_the_ledger(index: int) -> None:
    """A to Z, AA to ZZ, AAA, like a sheet's columns."""
    assert stranger.pool_name(WEEK, index) == draw.pool_name(WEEK, index)


@QUICK
@given(
    balances=st.dictionaries(IDS, st.integers(-50, 60), max_size=12),
    idle=st.integers(0, 3),
    table=st.dictionaries(st.integers(1, 6), st.integers(1, 1000)),
)
def test_standings_and_prizes_are_those_of_the_ledger(
    balances: dict[UUID, int], idle: int, table: dict[int, int]
) -> None:
    """Ties share ranks and prizes, and the cents that remain go the same way."""
    rules = Rules(prizes=tuple(Prize(rank=rank, amount_cents=cents) for rank, cents in table.items()))
    played = set(sorted(balances)[idle:])
    theirs = {str(a.entry): (a.rank, a.amount_cents) for a in prizes.awards(balances, played=played, rules=rules)}
    texts, plain = {str(entry): credits for entry, credits in balances.items()}, json.loads(facts.canonical(rules))
    assert stranger.prizes(texts, {str(entry) for entry in played}, plain) == theirs
    pools = {"W2026-47-A": balances, "W2026-47-AA": {}, "W2026-47-B": balances}
    ours = {name: {str(entry): credits for entry, credits in pool.items()} for name, pool in pools.items()}
    assert stranger.standings_hash(WEEK, ours) == standings.standings_hash(WEEK, pools)
    assert stranger.is_rules(plain)
    assert stranger.hashlib.sha256(stranger.canonical(plain)).hexdigest() == rules_hash(rules)
