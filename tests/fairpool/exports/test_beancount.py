"""Names of accounts in a beancount journal."""

from __future__ import annotations

import re
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from fairpool.exports.beancount import beancount_name, ledger_account

# As the manual of beancount has it: parts begin with a capital or a digit, and go on with letters, digits and dashes.
LEGAL = re.compile(r"(Assets|Equity)(:[A-Z0-9][A-Za-z0-9-]*)+")
POOLS = st.from_regex(r"W20[0-9]{2}-[0-5][0-9]-[A-Z]{1,2}", fullmatch=True)


@settings(max_examples=20)
@given(POOLS, st.uuids(), st.uuids())
def test_every_account_has_one_legal_name_and_is_found_by_it(pool: str, entry: UUID, market: UUID) -> None:
    """Also those whose id begins with a letter, which alone would not be legal."""
    accounts = [f"entry:{entry}", f"escrow:{pool}:{market}", f"house:{pool}", f"issuance:{pool}"]
    names = [beancount_name(account, pool=pool) for account in accounts]
    assert all(LEGAL.fullmatch(name) for name in names)
    assert [ledger_account(name) for name in names] == accounts
