"""What happens to what comes from outside: messages twice, late, out of order or lost, and a provider that fails."""

from __future__ import annotations

import random
import time
from typing import Final

from tests.faults.games import Disorder
from tests.faults.ground import Ground
from tests.faults.kills import kill_role
from tests.faults.rounds import Fault

BAD_SECONDS: Final = 8.0
_KILLS: Final = 3
_PROVIDERS_FAULTS: Final = 12


def faults(scale: float) -> list[Fault]:
    """Return what can happen to what comes from outside."""
    times = max(1, round(scale))
    return [
        Fault("messages come twice, late, in disorder", _disorder, 2 * times),
        Fault("messages are delivered again, unacknowledged", _unacknowledged, 2 * times),
        Fault("NATS loses all that it has", _lose_store, 2 * times),
        Fault("the payment provider fails, before and after it acts", _bad_provider, 2 * times),
    ]


def _disorder(ground: Ground, _: random.Random) -> int:
    """Let the network between provider and NATS be bad for a while."""
    ground.games.disorder = Disorder(twice=0.5, late=0.5)
    time.sleep(BAD_SECONDS)
    ground.games.disorder = Disorder()
    return 1


def _unacknowledged(ground: Ground, chance: random.Random) -> int:
    """Kill the process that takes the feed, again and again, amid messages: some it has taken, and not said so."""
    kill = kill_role("feed")
    for _ in range(_KILLS):
        ground.games.say_again()
        time.sleep(chance.uniform(0.2, 2.5))
        kill(ground, chance)
    return _KILLS


def _lose_store(ground: Ground, chance: random.Random) -> int:
    """Have NATS come back empty: its streams, its consumers and what nobody had taken yet are gone.

    What waited to be taken only its provider still has, who says it again when asked.
    """
    ground.nats.kill()
    ground.nats.lose_store()
    time.sleep(chance.uniform(0, 1))
    ground.nats.start()
    ground.games.say_again()
    return 1


def _bad_provider(ground: Ground, chance: random.Random) -> int:
    """Have the provider answer 500 or drop connections, half of the time after it has done what it was asked for."""
    faults = ground.sandbox.faults
    for harm in ("error_before", "drop_before", "error_after", "drop_after"):
        faults.add(harm, "*", times=_PROVIDERS_FAULTS // 4)
    time.sleep(chance.uniform(0.5, 1) * BAD_SECONDS)
    faults.clear()
    return 1
