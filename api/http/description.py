"""What developers of clients read first: the text at the head of the OpenAPI document."""

from __future__ import annotations

from typing import Final

DESCRIPTION: Final = """\
fairpool is a weekly betting game played on credits. Each week every player gets the same grant of credits,
competes in a pool of at most 100, and bets on games at American odds; each credit that moves is an event in a
ledger that anyone can replay. Begin at `GET /`, which links to the rest.

**Who asks.** `POST /api/auth/signup` or `POST /api/auth/login` answers with a token; send it as
`Authorization: Bearer <token>`. Each operation names the scopes that it asks for; one without `security` is
open to all. What belongs to somebody else is answered as if it did not exist (404).

**Numbers and times.** Credits are whole numbers, never fractions; money ends in `_cents`. Instants are RFC
3339 in UTC. Weeks are named like `2026-W47`, from Monday 00:00 in New York; where a path asks for a week,
`current` and `next` do, too.

**Safe to repeat.** What moves credits or money needs an `Idempotency-Key` (1 to 200 visible ASCII
characters), elsewhere it may have one. Repeat a request whose answer got lost with the same key: it is done
once, and the answer to a later repetition has `Idempotent-Replayed: true`. The same key with other terms is
refused with `idempotency_key_reused`. Keys of bets count within a week.

**Reading what one has written.** Answers to writes have a `position`, such as `2026-W47:5123`. Send it to a
read as `?after=` or `After-Position`, and the answer is no older; where it is not there in time,
`projections_behind` (503) says when to ask again.

**Lists** are `{data, has_more, next_cursor, previous_cursor}`, in a stable order, of `limit` (1 to 200)
items; send a cursor back as `?cursor=` for the items beyond it.

**Conditional reads.** Answers to `GET` have an `ETag`; send it as `If-None-Match`, and what has not changed
is answered with 304 and no body. `HEAD` works wherever `GET` does. Where an operation asks for `If-Match`, send
the `ETag` of what you have seen: `precondition_failed` (412) says that it has changed since.

**Errors** are problems (RFC 9457, `application/problem+json`): branch on `code`, show `detail` to developers,
and quote `request_id` to us. `GET /api/problems` lists all codes. Every answer has an `X-Request-Id`, yours
if you send one of 8 to 64 letters, digits, `.`, `_` or `-`.

**Limits.** Bodies are JSON of at most 64 KiB; fields that are not documented are refused. Requests are
counted by principal, those without a token and those to `/api/auth/` by address; bets apart from reads and
other writes. Answers tell `RateLimit-Policy: "bets";q=200;w=10` (200 at once, and per 10 s on average) and
`RateLimit: "bets";r=199;t=1` (199 left, all of them again in 1 s). Beyond it, `rate_limited` (429) has
`Retry-After` in seconds. Where `Retry-After` comes with 503, too, repeat the request then, with the same key.

**Versions.** Routes, fields, codes and events are only ever added: ignore what you do not know. What is to go
is announced by the headers `Deprecation` and `Sunset` at least 90 days before.
"""
