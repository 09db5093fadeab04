"""Stripe's API: from a request to an answer. Key, version, path, shape, idempotency key, then what is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import stripe

from fairpool.sandbox import checkout, connect, events, identity, invoices, money, subscriptions, transfers
from fairpool.sandbox.errors import StripeFault, broken, invalid, unauthorised, unknown_url
from fairpool.sandbox.forms import decode
from fairpool.sandbox.idempotency import Answer
from fairpool.sandbox.lists import expanded
from fairpool.sandbox.objects import Object
from fairpool.sandbox.routes import Route
from fairpool.sandbox.sandbox import Asked, Sandbox
from fairpool.sandbox.shapes import read


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. `form` is the body, or the query of what has none; names of headers are lower case."""

    method: str
    path: str
    form: str
    headers: Mapping[str, str]

    @property
    def idempotency_key(self) -> str | None:
        """The key, which only POST heeds."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None


class Api:
    """Answers the requests of one sandbox's API, from any number of threads."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        parts = (checkout, money, subscriptions, invoices, connect, transfers, identity, events)
        self._routes = tuple(route for part in parts for route in part.routes())

    def answer(self, request: Request) -> Answer:
        """Answer a request, and record it."""
        params: Object = {}
        try:
            self._admit(request)
            route, ref = self._route(request)
            params = read(route.shape, decode(request.form))
            route.check(params)
            answer = self._once(request, route, ref, params)
        except StripeFault as fault:
            answer = Answer(fault.status, fault.body)
        key = request.idempotency_key
        self._sandbox.record(Asked(request.method, request.path, params, key, answer.status))
        return answer

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self._sandbox.api_key}":
            raise unauthorised()
        version = request.headers.get("stripe-version", stripe.api_version)
        if version != stripe.api_version:
            raise StripeFault(400, f"Invalid Stripe API version: {version}. The sandbox knows {stripe.api_version}.")

        if "stripe-account" in request.headers and not request.path.startswith(events.PATH):
            raise invalid("The sandbox knows Stripe-Account for the list of events only.")

    def _route(self, request: Request) -> tuple[Route, str]:
        for route in self._routes:
            match = route.pattern.fullmatch(request.path)
            if match and route.method == request.method:
                return route, match.groupdict().get("id", "")
        raise unknown_url(request.method, request.path)

    def _once(self, request: Request, route: Route, ref: str, params: Object) -> Answer:
        """Execute a request, unless its idempotency key stands for an answer already."""
        key = request.idempotency_key
        if key is not None:
            asked = (request.method, request.path, json.dumps(params, sort_keys=True, default=str))
            with self._sandbox.acting() as store:
                kept = self._sandbox.idempotency.begin(key, asked, now=store.now)
            if kept is not None:
                return kept
        self._sandbox.faults.wait(request.path)
        return self._execute(request, route, ref, params)

    def _execute(self, request: Request, route: Route, ref: str, params: Object) -> Answer:
        key, keys, answer = request.idempotency_key, self._sandbox.idempotency, None
        with self._sandbox.acting() as store:
            store.request = {"id": store.new_id("req"), "idempotency_key": key}
            store.on_account = request.headers.get("stripe-account")
            try:
                body = expanded(store, route.handle(store, ref, params), params.get("expand", []))
                answer = Answer(200, body)
                if self._sandbox.faults.take(request.method, request.path, "error_kept"):
                    answer = Answer(500, broken().body)
            except StripeFault as fault:
                answer = Answer(fault.status, fault.body) if fault.is_kept else None
                raise
            finally:
                store.request = store.on_account = None
                if key is not None and answer is not None:
                    keys.keep(key, answer)
                elif key is not None:
                    keys.forget(key)
        return answer
