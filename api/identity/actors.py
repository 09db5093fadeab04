"""Operators as the ledger calls them, `operator:<user id>`, and what they call each other: their e-mail addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from api.identity.players import Players

_OPERATOR: Final = "operator:"


def actor_of(operator_id: UUID) -> str:
    """Return what stands in the envelope of what an operator does, over HTTP and on the command line."""
    return f"{_OPERATOR}{operator_id}"


def names_of(players: Players, actors: Iterable[str]) -> dict[str, str]:
    """Return the e-mail addresses of those actors who are people with an account, by actor.

    They are for operators to read; no ledger and no export ever has them.
    """
    found = {actor: players.player(id) for actor in set(actors) if (id := _person(actor)) is not None}
    return {actor: player.email for actor, player in found.items() if player is not None}


def _person(actor: str) -> UUID | None:
    try:
        return UUID(actor.removeprefix(_OPERATOR)) if actor.startswith(_OPERATOR) else None
    except ValueError:
        return None
