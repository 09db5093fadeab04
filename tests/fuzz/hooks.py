"""What schemathesis must know beyond the OpenAPI document, and what we ask for beyond its checks."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Final

import httpx
import schemathesis
from hypothesis import strategies
from schemathesis import AuthContext, Case, CheckContext, DeserializationContext, HookContext, Response

from api.http.openapi import codes_named
from api.identity.principal import KEY_PATTERN
from api.testclock import FURTHEST_SECONDS
from tests.fuzz import ACCOUNTS, MARKET, PASSWORD, URL

schemathesis.openapi.format("display-name", strategies.text(strategies.characters(categories=["L", "N"]), min_size=1))
schemathesis.openapi.format("position", strategies.from_regex(r"\A(office|2026-W47):(0|[1-9][0-9]?)\Z"))
schemathesis.openapi.format("time-zone", strategies.sampled_from(["America/New_York", "Asia/Kolkata", "UTC"]))


PAUSING: Final = ("POST /api/me/cool-off", "POST /api/me/self-exclusion")
SOON: Final = "2026-11-17T00:00:00Z"
JUDGED: Final = ("date_of_birth", "expires_at", "return_url", "rules", "scopes", "until", "unstorable")
"""Errors of fields that no schema foresees: instants of the past or future, pages, unknown rules or scopes, a NUL."""


class Account:
    """Somebody to ask as: logged in anew when the fuzzing ends the session, another once they excluded themselves."""

    def __init__(self, url: str, emails: list[str]) -> None:
        self._url = url
        self._emails = emails
        self._token: str | None = None

    def token(self) -> str:
        """Return a token that was good when last used."""
        while self._token is None:
            login = {"email": self._emails[0], "password": PASSWORD}
            answer = httpx.post(f"{self._url}/api/auth/login", json=login, trust_env=False, timeout=20)
            if answer.is_success:
                self._token = answer.json()["token"]
            else:
                self._emails.pop(0)
        return self._token

    def heard(self, case: Case[Any], response: Response) -> None:
        """Notice that the session is over, or that the account may not play any more."""
        if response.request.headers.get("Authorization") == f"Bearer {self._token}":
            if response.status_code == 401:
                self._token = None
            elif case.operation.label in PAUSING and response.status_code == 201:
                self._token = None
                self._emails.pop(0)


_account: Final = Account(os.environ[URL], json.loads(os.environ[ACCOUNTS]))
_market: Final[dict[str, str]] = json.loads(os.environ[MARKET])
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Signs requests with the account's token."""

    def get(self, case: Case[Any], ctx: AuthContext) -> str:
        return _account.token()

    def set(self, case: Case[Any], data: str, ctx: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Tell the account how it was answered."""
    _account.heard(case, response)


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Keep to what the document cannot say.

    A dry run needs no Idempotency-Key: without a good one, nothing is rehearsed. And the test clock stays before the
    kick-off of the game that is bet on.
    """
    if "dry_run" in case.query and not re.fullmatch(KEY_PATTERN, str(case.headers.get("Idempotency-Key", ""))):
        case.query = {name: value for name, value in case.query.items() if name != "dry_run"}
    if case.operation.label == "POST /api/test-clock" and isinstance(case.body, dict):
        case.body = {name: _soon(value) for name, value in case.body.items()}


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    """Write whole numbers as such, and place most bets on a market that there is.

    To JSON Schema 5.0 is an integer; credits are strict.
    """
    body = _whole(body)
    if isinstance(body, dict):
        for bet in (body, *_dicts(body.get("bets"))):
            ids = [str(bet.get(name)) for name in ("market_id", "odds_id")]
            # What is no id stays none: it was made to be refused.
            if all(map(_UUID.fullmatch, ids)) and ids[0][0] not in "012":
                bet |= {"market_id": _market["market_id"], "odds_id": _market["odds_id"]}
    return body


@schemathesis.check
def documented_problems(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Every problem that an operation ends in stands in its documentation, by status and code."""
    if response.status_code < 400 or response.status_code == 405:
        return
    documented = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    code = response.json()["code"]
    assert code in codes_named(documented.get("description", "")), f"{response.status_code} {code} is not documented"


@schemathesis.check
def fitting_requests_fit(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """What fits the document's schemas is never refused as malformed, but for what only the service can judge."""
    if response.status_code in (400, 422) and case.meta is not None and case.meta.generation.mode.is_positive:
        problem = response.json()
        judged = all(error["code"] in JUDGED for error in problem.get("errors") or [{"code": ""}])
        assert judged or problem["code"] not in ("invalid_request", "malformed"), problem["detail"]


@schemathesis.deserializer("text/event-stream")
def events(context: DeserializationContext, response: Response) -> list[dict[str, Any]]:
    """Return the events of a stream as the document shows one: its fields as members, `data` as what its JSON says."""
    blocks = response.content.decode().split("\n\n")
    fields = [dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")) for block in blocks]
    return [{**each, "data": json.loads(each["data"])} for each in fields if "event" in each]


def _soon(value: Any) -> Any:
    """Return a good time to move the clock to, or by, as one that is not far; what is no good as it is."""
    if isinstance(value, int) and 10 < value <= FURTHEST_SECONDS:
        return 10
    is_late = isinstance(value, str) and re.match(r"2\d{3}-\d\d-\d\d[Tt]", value) and value > SOON
    return SOON if is_late else value


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_whole(each) for each in value]
        case dict():
            return {name: _whole(each) for name, each in value.items()}
    return value
