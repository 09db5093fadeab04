"""Scopes: what a principal may do. A role is a set of them; an API key holds some of those of its role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SCOPES: Final[Mapping[str, str]] = {
    "self": "read and change what is one's own: profile, sessions, password; people have it, API keys never",
    "play": "take part in weeks and place bets",
    "audit": "read the ledger, all standings and entries",
    "operate": "open, draw, close, settle and finalise weeks",
    "people": "look at players, suspend them, hand out API keys",
}
"""Every scope, with what it allows."""

SCOPES_OF_ROLE: Final[Mapping[str, frozenset[str]]] = {
    "player": frozenset({"play"}),
    "auditor": frozenset({"audit"}),
    "operator": frozenset({"audit", "operate", "people"}),
    "service": frozenset({"audit", "operate"}),
}
"""What each role may do, besides `self`. Operators do not play: nobody bets on weeks that they settle."""

SCOPES_OF_PERSON: Final[Mapping[str, frozenset[str]]] = {
    role: scopes | {"self"} for role, scopes in SCOPES_OF_ROLE.items()
}
"""What a person of each role may do: one set for all of them, as it is remembered with each token."""
