-- name: payer
-- Who pays a payment.
SELECT payment_id, player_id, request, kind, week, amount_cents, currency, created_at, expires_at, checkout_url
FROM payers WHERE payment_id = %(payment_id)s

-- name: payer_of_request
-- The payment that a player's request came to.
SELECT payment_id, player_id, request, kind, week, amount_cents, currency, created_at, expires_at, checkout_url
FROM payers WHERE player_id = %(player_id)s AND request = %(request)s

-- name: open_checkout
-- A checkout of the same kind and week that the player can still pay, or have opened to be paid.
SELECT p.payment_id, p.player_id, p.request, p.kind, p.week, p.amount_cents, p.currency, p.created_at, p.expires_at,
  p.checkout_url
FROM payers p LEFT JOIN payments s ON s.payment_id = p.payment_id
WHERE p.player_id = %(player_id)s AND p.kind = %(kind)s AND p.week IS NOT DISTINCT FROM %(week)s
  AND p.expires_at > CASE WHEN p.checkout_url IS NULL THEN %(soonest_end)s ELSE %(now)s END
  AND coalesce(s.status, 'open') = 'open'
ORDER BY p.created_at DESC LIMIT 1

-- name: lock_player
-- Puts the checkouts of one player in order until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('fairpool.checkout'), hashtext(%(player_id)s::text))

-- name: spent_cents
-- What a player has spent in a span of time, open checkouts included: they may be paid any moment.
SELECT coalesce(sum(p.amount_cents - coalesce(s.refunded_cents, 0)), 0)::bigint
FROM payers p LEFT JOIN payments s ON s.payment_id = p.payment_id
WHERE p.player_id = %(player_id)s AND p.created_at >= %(since)s AND p.created_at < %(until)s
  AND coalesce(s.status, 'open') NOT IN ('expired', 'failed')

-- name: note_checkout
-- Keeps where a payment is paid.
UPDATE payers SET checkout_url = %(url)s WHERE payment_id = %(payment_id)s

-- name: note_receipt
-- Keeps where the provider's receipt is.
UPDATE payers SET receipt_url = %(receipt_url)s
WHERE payment_id = %(payment_id)s AND receipt_url IS DISTINCT FROM %(receipt_url)s

-- name: note_ref
-- Keeps the provider's name of a payment. Two at once are told apart by any key: a named one would let the other raise.
INSERT INTO provider_payments (payment_id, ref) VALUES (%(payment_id)s, %(ref)s) ON CONFLICT DO NOTHING

-- name: note_intent
-- Keeps what the provider calls the taking of the money.
UPDATE provider_payments SET intent_ref = %(intent_ref)s
WHERE payment_id = %(payment_id)s AND intent_ref IS DISTINCT FROM %(intent_ref)s

-- name: add_renewal
-- Links the renewal of a subscription to its player, if it is known whose it is.
INSERT INTO payers (payment_id, player_id, request, kind, week, amount_cents, currency, created_at)
SELECT %(payment_id)s, player_id, NULL, 'subscription', NULL, %(amount_cents)s, %(currency)s, %(created_at)s
FROM subscriptions WHERE ref = %(subscription_ref)s
ON CONFLICT DO NOTHING

-- name: named
-- The payment that the provider calls so.
SELECT payment_id, ref FROM provider_payments WHERE ref = %(ref)s OR intent_ref = %(ref)s

-- name: ref_of
-- What the provider calls a payment.
SELECT ref FROM provider_payments WHERE payment_id = %(payment_id)s

-- name: payment
-- A payment of a player, as the player sees it.
SELECT p.payment_id, p.kind, p.week, s.status, p.amount_cents, p.currency, p.created_at, p.expires_at, s.paid_at,
  s.refunded_at, coalesce(s.refunded_cents, 0) AS refunded_cents, s.dispute, u.verdict, u.reason, p.checkout_url,
  p.receipt_url
FROM payers p
LEFT JOIN payments s ON s.payment_id = p.payment_id
LEFT JOIN purchases u ON u.payment_id = p.payment_id
WHERE p.payment_id = %(payment_id)s AND p.player_id = %(player_id)s

-- name: payments
-- A player's payments behind one of them, newest first; read back, those before it, oldest first.
SELECT p.payment_id, p.kind, p.week, s.status, p.amount_cents, p.currency, p.created_at, p.expires_at, s.paid_at,
  s.refunded_at, coalesce(s.refunded_cents, 0) AS refunded_cents, s.dispute, u.verdict, u.reason, p.checkout_url,
  p.receipt_url
FROM payers p
LEFT JOIN payments s ON s.payment_id = p.payment_id
LEFT JOIN purchases u ON u.payment_id = p.payment_id
LEFT JOIN payers place ON place.payment_id = %(before)s::uuid AND place.player_id = %(player_id)s
WHERE p.player_id = %(player_id)s
  AND (%(before)s::uuid IS NULL
    OR CASE WHEN %(is_back)s
      THEN (p.created_at, p.payment_id) > (place.created_at, place.payment_id)
      ELSE (p.created_at, p.payment_id) < (place.created_at, place.payment_id)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN p.created_at END, CASE WHEN %(is_back)s THEN p.payment_id END,
  p.created_at DESC, p.payment_id DESC
LIMIT %(limit)s

-- name: payments_of
-- The payments behind which a player stands.
SELECT payment_id FROM payers WHERE player_id = %(player_id)s
