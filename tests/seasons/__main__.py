"""`python -m tests.seasons`: replay whole seasons with faults in the feed, on a database of its own."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fairpool.embedded import EmbeddedPostgres
from ledger.datastore import Datastore
from tests.database import Database
from tests.seasons.replaying import Replayed, replay

TABLE = Path(__file__).parents[3] / "shared" / "data" / "nfl_games_2010_2019.csv"
# Seventeen weeks and four of play-offs.
NFL_WEEKS = range(1, 22)


def main() -> int:
    """Replay seasons one after another, print what each came to, and return 1 if anything differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.seasons")
    parser.add_argument("seasons", nargs="+", type=int, help="seasons of the table, such as 2014")
    parser.add_argument("--table", type=Path, default=TABLE, help="the nflverse games table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bets", type=int, default=8, help="bets on each game")
    chosen = parser.parse_args()
    differ = False
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        database = Database(server.dsn)
        for season in chosen.seasons:
            database.empty()
            datastore, began = Datastore(database.dsn), time.monotonic()
            done = replay(
                datastore,
                chosen.table,
                season=season,
                nfl_weeks=NFL_WEEKS,
                seed=chosen.seed,
                bets_a_game=chosen.bets,
            )
            datastore.close()
            _show(season, done, seconds=time.monotonic() - began)
            differ |= bool(done.differences)
        database.close()
    return int(differ)


def _show(season: int, done: Replayed, *, seconds: float) -> None:
    sys.stdout.write(
        f"{season}: {done.games} games, {done.outcomes['bets']} bets, {done.messages} messages"
        f" ({done.repeated} repeated, {done.out_of_order} out of order, {done.dead_letters} dead letters),"
        f" {_listed(done.faults)}; {done.corrections} corrections; {_listed(done.outcomes)};"
        f" {len(done.differences)} differences; {seconds:.0f} s\n"
    )
    sys.stdout.writelines(f"  {difference}\n" for difference in done.differences)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
