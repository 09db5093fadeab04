"""Errors as clients see them: RFC 9457 problems, from one table of codes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api.quotes import QuoteShown
from api.refusal import Refusal
from feeds.payments.provider import ProviderRefused
from ledger.aggregate import LedgerError
from ledger.datastore import OUTAGES
from ledger.game import QuoteChanged
from ledger.slip import SlipRefused

PROBLEM_JSON: Final = "application/problem+json"
_log = logging.getLogger(__name__)


class Kind(NamedTuple):
    """A kind of problem: the HTTP status it is answered with, and what it is called for people."""

    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    "account_not_open": Kind(409, "You have no account in this week"),
    "age_unknown": Kind(409, "Your date of birth is not known"),
    "already_enrolled": Kind(409, "You take part in this week already"),
    "already_set": Kind(409, "This was set before"),
    "already_subscribed": Kind(409, "You have a subscription already"),
    "already_there": Kind(409, "This exists already"),
    "beacon_awaited": Kind(503, "The draw waits for its round of the beacon"),
    "betting_closed": Kind(409, "The week takes no stakes"),
    "body_too_large": Kind(413, "The request body is too large"),
    "buy_back_refused": Kind(409, "You cannot buy back"),
    "case_closed": Kind(409, "The case is closed"),
    "case_open": Kind(409, "A case of the week is open"),
    "checkout_expired": Kind(409, "The checkout can be paid no longer"),
    "clock_backwards": Kind(409, "The clock moves forward only"),
    "clock_too_far": Kind(409, "The clock moves a year at most"),
    "code_invalid": Kind(422, "The code is not valid"),
    "conflicting_result": Kind(409, "Two results contradict each other"),
    "dead_letter_resolved": Kind(409, "Something became of the message already"),
    "dispute_open": Kind(403, "One of your payments is disputed"),
    "email_taken": Kind(409, "The e-mail address is in use"),
    "flip_refused": Kind(503, "Readers hold the rows"),
    "forbidden": Kind(403, "You may not do this"),
    "idempotency_key_invalid": Kind(400, "The Idempotency-Key cannot be used"),
    "idempotency_key_required": Kind(400, "An Idempotency-Key is required"),
    "idempotency_key_reused": Kind(422, "The Idempotency-Key was used for something else"),
    "insufficient_credits": Kind(409, "Not enough credits"),
    "internal": Kind(500, "Something went wrong here"),
    "invalid_cursor": Kind(422, "The cursor is not one of ours"),
    "invalid_request": Kind(422, "The request does not fit"),
    "jurisdiction_not_served": Kind(403, "Weeks are not offered where you live"),
    "jurisdiction_unknown": Kind(409, "Where you live is not known"),
    "key_not_in_use": Kind(409, "The key is not in use"),
    "key_taken": Kind(409, "The key cannot come into use"),
    "malformed": Kind(400, "The request cannot be read"),
    "market_closed": Kind(409, "The market takes no stakes"),
    "method_not_allowed": Kind(405, "This method is not offered here"),
    "not_admitted": Kind(403, "You may not take part"),
    "not_enrolled": Kind(409, "You are not enrolled in this week"),
    "not_found": Kind(404, "There is nothing here"),
    "not_paid": Kind(409, "The payment is not paid"),
    "not_ready": Kind(503, "The service is not ready"),
    "not_signed_yet": Kind(409, "No signed checkpoint covers this yet"),
    "nothing_changes": Kind(409, "This would change nothing"),
    "nothing_else_settles": Kind(409, "Nothing else would settle the game"),
    "nothing_kept": Kind(409, "No rows from before are kept"),
    "nothing_proposed": Kind(409, "The case has no proposal"),
    "nothing_to_lift": Kind(409, "There is no such ruling to lift"),
    "overloaded": Kind(503, "Too much to do at the moment"),
    "pass_required": Kind(402, "A pass is required"),
    "payment_moved": Kind(503, "The payment changed meanwhile"),
    "payment_refused": Kind(409, "The payment provider will not do this"),
    "payments_off": Kind(409, "Payments are switched off here"),
    "payments_unavailable": Kind(503, "The payment provider does not answer"),
    "precondition_failed": Kind(412, "It has changed since you read it"),
    "precondition_required": Kind(428, "If-Match is required"),
    "preflight_refused": Kind(403, "Pages of this origin may not send this request"),
    "preview_outdated": Kind(409, "The preview is outdated"),
    "prize_not_releasable": Kind(409, "Nothing holds the prize that could be released"),
    "prize_paid_already": Kind(409, "The prize has been paid"),
    "projection_stopped": Kind(409, "The projection cannot take an event"),
    "projections_behind": Kind(503, "The answer is not up to date yet"),
    "quote_changed": Kind(409, "The quote has changed"),
    "rate_limited": Kind(429, "Too many requests"),
    "reason_needed": Kind(422, "A reason is needed"),
    "rebuild_running": Kind(409, "A rebuild is under way"),
    "refresh_invalid": Kind(401, "The refresh token is not valid"),
    "refresh_reused": Kind(401, "The refresh token was used before"),
    "refused": Kind(409, "Refused"),
    "registration_closed": Kind(409, "The week no longer takes enrolments"),
    "request_timeout": Kind(408, "The request took too long to come"),
    "restricted": Kind(403, "You may not enrol or bet for now"),
    "rules_changed": Kind(409, "The week plays by other rules"),
    "second_operator_needed": Kind(409, "A second operator has to approve"),
    "signature_invalid": Kind(400, "The message is not the payment provider's"),
    "slip_spans_weeks": Kind(422, "The bets belong to several weeks"),
    "spend_limit_reached": Kind(409, "Your own limit is reached"),
    "stake_out_of_range": Kind(422, "The stake is out of range"),
    "stale_chunk": Kind(409, "Settled already"),
    "too_early": Kind(409, "It is too early for this"),
    "too_many_streams": Kind(429, "Too many live streams"),
    "too_young": Kind(403, "You are too young"),
    "unauthenticated": Kind(401, "Log in first"),
    "unavailable": Kind(503, "Unavailable for a moment"),
    "unknown_api_key": Kind(404, "No such API key"),
    "unknown_bet": Kind(404, "No such bet"),
    "unknown_case": Kind(404, "No such case"),
    "unknown_dead_letter": Kind(404, "No such dead letter"),
    "unknown_entry": Kind(404, "No such entry"),
    "unknown_flag": Kind(404, "No such flag"),
    "unknown_game": Kind(404, "No such game"),
    "unknown_log": Kind(404, "No such log"),
    "unknown_market": Kind(404, "No such market"),
    "unknown_outcome": Kind(422, "No such outcome"),
    "unknown_payment": Kind(404, "No such payment"),
    "unknown_player": Kind(404, "No such player"),
    "unknown_pool": Kind(404, "No such pool"),
    "unknown_prize": Kind(404, "No such prize"),
    "unknown_projection": Kind(404, "No such projection"),
    "unknown_session": Kind(404, "No such session"),
    "unknown_subject": Kind(422, "A case cannot be about this"),
    "unknown_subscription": Kind(404, "No such subscription"),
    "unknown_week": Kind(404, "No such week"),
    "unsound_change": Kind(422, "The change cannot be carried out"),
    "unsound_rules": Kind(422, "The rules cannot be played by"),
    "unsupported_media_type": Kind(415, "The request body is not JSON"),
    "version_in_use": Kind(409, "The version of the projection is in use"),
    "week_archived": Kind(409, "The week is archived"),
    "week_listed_otherwise": Kind(500, "The week's log is not the one that was final"),
    "week_not_resolved": Kind(409, "Something in the week is not resolved"),
    "week_sealed": Kind(409, "The week's book is sealed"),
    "wrong_credentials": Kind(401, "E-mail address or password is wrong"),
    "wrong_password": Kind(403, "The password is wrong"),
    "wrong_seed": Kind(500, "The draw's seed does not fit"),
}
"""Every code that a client may meet, with its status. Codes are stable; titles and details may be reworded."""

_OF_STATUS: Final = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS_OF_STATUS: Final = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


class InvalidField(BaseModel):
    """What is wrong with one field of a request: `field` is its path, such as `body.stake`."""

    model_config = ConfigDict(frozen=True)

    field: str
    code: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem. Branch on `code`.

    `quote` comes with `quote_changed`, `rules_hash` with `rules_changed`, `errors` with `invalid_request`,
    and with a bet slip that is placed all or none: what each of its bets was refused for.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    quote: QuoteShown | None = None
    rules_hash: str | None = None
    errors: list[InvalidField] | None = None


def handle_errors(app: FastAPI) -> None:
    """Answer every error of an app with a problem."""
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(LedgerError, _ledger_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(ClientDisconnect, _broken_off)
    app.add_exception_handler(psycopg.DataError, _unstorable)
    for outage in OUTAGES:
        app.add_exception_handler(outage, _database_error)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    request: Request, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """Return the response to a request that ends in a problem of a kind."""
    return _response(problem_body(request, code, detail, **extra), headers)


def problem_body(request: Request, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """Return a Problem, ready to be written as JSON."""
    kind = KINDS[code]
    return {
        "type": f"/api/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "request_id": request.state.request_id,
        **extra,
    }


def ledger_problem(request: Request, error: LedgerError) -> dict[str, Any]:
    """Return the Problem that the ledger's refusal is, ready to be written as JSON; that of a slip is its first bet's.

    What is the service's fault is logged here.
    """
    if isinstance(error, SlipRefused):
        return _slip_problem(request, error)
    code = error.code if error.code in KINDS else LedgerError.code
    if KINDS[code].status >= 500 or isinstance(error, ProviderRefused):
        # Its text names hosts and causes that are the operators' business.
        _log.error("%s %s: %s", request.method, request.url.path, error)
        return problem_body(request, code, (type(error).__doc__ or "").partition("\n")[0])
    if isinstance(error, QuoteChanged):
        quote = QuoteShown.of(error.quote).model_dump(mode="json")
        return problem_body(request, code, str(error), quote=quote)
    return problem_body(request, code, str(error))


def _slip_problem(request: Request, error: SlipRefused) -> dict[str, Any]:
    problems = {number: ledger_problem(request, refusal) for number, refusal in sorted(error.refusals.items())}
    number, first = next(iter(problems.items()))
    errors = [
        {"field": f"body.bets.{number - 1}", "code": each["code"], "detail": each["detail"]}
        for number, each in problems.items()
    ]
    return {**first, "detail": f"Nothing was staked; bet {number}: {first['detail']}", "errors": errors}


def _response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    status: int = body["status"]
    headers = {**_HEADERS_OF_STATUS.get(status, {}), **(headers or {})}
    return Response(msgspec.json.encode(body), status, headers, PROBLEM_JSON)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem(request, error.code, str(error), headers=error.headers, **error.members)


async def _ledger_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LedgerError)
    return _response(ledger_problem(request, error))


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors: Sequence[Mapping[str, Any]] = error.errors()
    unreadable = next((each for each in errors if each["type"] == "json_invalid"), None)
    if unreadable is not None:
        return problem(request, "malformed", f"The body is no JSON text: {unreadable['ctx']['error']}.")
    return invalid_fields(request, errors)


def invalid_fields(request: Request, errors: Sequence[Mapping[str, Any]]) -> Response:
    """Return the problem of a request whose fields do not fit; what was sent is not repeated: it may be a secret."""
    fields = [
        {"field": ".".join(str(part) for part in each["loc"]), "code": each["type"], "detail": each["msg"]}
        for each in errors
    ]
    detail = "; ".join(f"{field['field']}: {field['detail']}" for field in fields[:3])
    return problem(request, "invalid_request", detail, errors=fields)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _OF_STATUS.get(error.status_code, "malformed")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem(request, code, KINDS[code].title, headers=headers)


def _allowed(request: Request) -> str:
    """Return the methods of a path for `Allow`: the framework names those of the first route that it finds there."""
    return ", ".join(
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": "GET" if method == "HEAD" else method})[0] is Match.FULL
            for route in request.app.routes
        )
    )


async def _broken_off(request: Request, error: Exception) -> Response:
    """Answer, for the record, a client that left in the middle of its request."""
    return problem(request, "malformed", "The connection ended before the request did.")


async def _unstorable(request: Request, error: Exception) -> Response:
    """Answer a text with a NUL, which JSON and URLs can hold and PostgreSQL cannot."""
    _log.warning("%s %s: the database cannot hold this: %s", request.method, request.url.path, error)
    reason = {"loc": ("request",), "type": "unstorable", "msg": "a text holds what cannot be stored, such as a NUL"}
    return invalid_fields(request, [reason])


async def _database_error(request: Request, error: Exception) -> Response:
    _log.error("%s %s: the database does not answer: %s", request.method, request.url.path, error)
    return problem(request, "unavailable", "The database does not answer: repeat the request, with the same key.")


async def _unexpected(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw; the server logs it."""
    return problem(request, "internal", "The error was logged under the request id.")
