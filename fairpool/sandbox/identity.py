"""Checks of a person's identity."""

from __future__ import annotations

import stripe
from stripe import params as shapes

from fairpool.sandbox.errors import NotPossible, invalid
from fairpool.sandbox.lists import Match, within
from fairpool.sandbox.objects import Object, documented
from fairpool.sandbox.routes import Route, listing, retrieving, same
from fairpool.sandbox.store import Store, pick

ACTS_ON = frozenset({"type", "client_reference_id", "metadata", "options", "return_url", "provided_details"})
KIND = "identity.verification_session"


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    path, named = "/v1/identity/verification_sessions", shapes.identity
    created: dict[str, Match] = {"created": lambda item, span: within(item["created"], span)}
    filters = same("status", "client_reference_id") | created
    return (
        Route("POST", path, named.VerificationSessionCreateParams, create, ACTS_ON),
        retrieving(path, named.VerificationSessionRetrieveParams, KIND),
        listing(path, named.VerificationSessionListParams, KIND, filters),
    )


def create(store: Store, _: str, params: Object) -> Object:
    """Begin a check."""
    if "type" not in params:
        raise invalid("Missing required param: type.", param="type", code="parameter_missing")
    ref = store.new_id("vs")
    store.return_urls[ref] = params.get("return_url", "")
    return store.add(
        documented(
            stripe.identity.VerificationSession,
            id=ref,
            client_secret=f"{ref}_secret",
            created=store.now,
            status="requires_input",
            url=f"{store.base_url}/c/identity/{ref}",
            **pick(params, "type", "client_reference_id", "metadata", "options"),
        )
    )


def verify(store: Store, ref: str) -> Object:
    """Have the person be who they say they are."""
    check = _open(store, ref)
    check |= {"status": "verified", "url": None, "client_secret": None, "last_error": None}
    check["last_verification_report"] = store.new_id("vr")
    store.emit("identity.verification_session.verified", check)
    return check


def fail(store: Store, ref: str) -> Object:
    """Have a document not be good enough: the check asks for another."""
    check = _open(store, ref)
    check["last_error"] = {"code": "document_unverified_other", "reason": "The document could not be verified."}
    check["last_verification_report"] = store.new_id("vr")
    store.emit("identity.verification_session.requires_input", check)
    return check


def _open(store: Store, ref: str) -> Object:
    check = store.get(KIND, ref)
    if check["status"] != "requires_input":
        raise NotPossible(f"Verification session {ref} is {check['status']} already")
    return check
