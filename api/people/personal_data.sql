-- name: players
-- The person; the hash of the password is nobody's to read.
SELECT id, email, name, role, created_at, email_verified_at, date_of_birth, jurisdiction
FROM players WHERE id = %(player_id)s

-- name: sessions
-- Where the person is logged in; the hashes of tokens stay here.
SELECT id, player_id, user_agent, created_at, last_used_at, expires_at, used_at
FROM sessions WHERE player_id = %(player_id)s ORDER BY created_at, id

-- name: proofs
-- Which codes were mailed and not used yet.
SELECT player_id, purpose, expires_at FROM proofs WHERE player_id = %(player_id)s ORDER BY purpose

-- name: api_keys
-- The keys of programs that the person, an operator, has made.
SELECT id, role, name, scopes, created_by, created_at, last_used_at, expires_at
FROM api_keys WHERE created_by = %(player_id)s ORDER BY created_at, id

-- name: restrictions
-- What bars or barred the person.
SELECT id, player_id, kind, starts_at, ends_at, reason, placed_by, request, lifted_at, lifted_by
FROM restrictions WHERE player_id = %(player_id)s ORDER BY starts_at, id

-- name: spend_limits
-- What the person wants to spend at most.
SELECT player_id, period, cents, next_cents, next_from, currency
FROM spend_limits WHERE player_id = %(player_id)s ORDER BY period

-- name: devices
-- The pseudonyms of the devices that the person was seen with.
SELECT player_id, encode(device, 'hex') AS device, first_seen, last_seen
FROM devices WHERE player_id = %(player_id)s ORDER BY first_seen, device

-- name: people_log
-- What operators looked at and did.
SELECT id, player_id, operator_id, act, reason, request_id, at
FROM people_log WHERE player_id = %(player_id)s ORDER BY id

-- name: entries
-- The link to the ledger.
SELECT player_id, week, entry FROM entries WHERE player_id = %(player_id)s ORDER BY week

-- name: payers
-- What the person has paid, or was about to; what came of it stands in the ledger.
SELECT payment_id, player_id, request, kind, week, amount_cents, currency, created_at, expires_at, checkout_url,
  receipt_url
FROM payers WHERE player_id = %(player_id)s ORDER BY created_at, payment_id

-- name: subscriptions
-- What the person has subscribed to.
SELECT ref, payment_id, player_id, status, ends_at, withdrew_from, version
FROM subscriptions WHERE player_id = %(player_id)s ORDER BY ref

-- name: payees
-- How prizes are paid to the person.
SELECT player_id, account_ref, account_is_active, identity_ref, identity_status, identity_number, tax_form_at, version
FROM payees WHERE player_id = %(player_id)s
