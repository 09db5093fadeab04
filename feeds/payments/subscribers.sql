-- name: subscription
-- A subscription by the provider's name.
SELECT ref, payment_id, player_id, status, ends_at, withdrew_from, version FROM subscriptions WHERE ref = %(ref)s

-- name: of_player
-- The subscriptions of a player, those that make eligible first.
SELECT ref, payment_id, player_id, status, ends_at, withdrew_from, version FROM subscriptions
WHERE player_id = %(player_id)s ORDER BY status NOT IN ('active', 'trialing'), ref

-- name: add
-- Keeps a subscription that was not known, if its player is.
INSERT INTO subscriptions (ref, payment_id, player_id, status, ends_at)
SELECT %(ref)s, payment_id, player_id, %(status)s, %(ends_at)s FROM payers WHERE payment_id = %(payment_id)s
ON CONFLICT DO NOTHING

-- name: change
-- Keeps how a subscription stands, unless somebody did so since it was read.
UPDATE subscriptions SET status = %(status)s, ends_at = %(ends_at)s, version = version + 1
WHERE ref = %(ref)s AND version = %(version)s

-- name: to_enrol
-- Subscribers who have no entry in a week, or were withdrawn from it because their subscription had lapsed.
SELECT s.ref, s.payment_id, s.player_id, s.status, s.ends_at, s.withdrew_from, s.version FROM subscriptions s
LEFT JOIN entries e ON e.player_id = s.player_id AND e.week = %(week)s
WHERE s.status IN ('active', 'trialing') AND (e.entry IS NULL OR EXISTS (
  SELECT FROM subscriptions lapsed WHERE lapsed.player_id = s.player_id AND lapsed.withdrew_from = %(week)s))
-- In another order every week: the log is public, and entries would be linked by their place among those enrolled.
ORDER BY md5(s.ref || %(week)s)

-- name: to_withdraw
-- Players who are enrolled in a week by a subscription, and have none any more that makes eligible.
SELECT e.player_id, e.entry FROM entries e
JOIN registrations r ON r.entry = e.entry AND r.via = 'subscription' AND r.withdrawn_at IS NULL
WHERE e.week = %(week)s AND EXISTS (SELECT FROM subscriptions s WHERE s.player_id = e.player_id)
  AND NOT EXISTS (
    SELECT FROM subscriptions s WHERE s.player_id = e.player_id AND s.status IN ('active', 'trialing'))
ORDER BY e.entry

-- name: withdrew
-- Notes from which week the lapse of a subscription withdrew its player, or that the player is back.
UPDATE subscriptions SET withdrew_from = %(week)s
WHERE player_id = %(player_id)s AND withdrew_from IS DISTINCT FROM %(week)s

-- name: of_excluded
-- Subscriptions of players who have excluded themselves: they are not to be charged.
SELECT s.ref, s.payment_id, s.player_id, s.status, s.ends_at, s.withdrew_from, s.version FROM subscriptions s
JOIN restrictions r ON r.player_id = s.player_id AND r.kind = 'self_exclusion' AND r.starts_at <= %(now)s
  AND (r.ends_at IS NULL OR r.ends_at > %(now)s)
WHERE s.status NOT IN ('canceled', 'incomplete_expired')

-- name: paid_in_exclusion
-- Payments of subscriptions, renewals too, with which players were charged who had excluded themselves before.
SELECT p.payment_id FROM restrictions r
JOIN payers y ON y.player_id = r.player_id
JOIN payments p ON p.payment_id = y.payment_id
WHERE r.kind = 'self_exclusion' AND p.kind = 'subscription' AND p.status = 'paid'
  AND r.starts_at < p.paid_at AND (r.ends_at IS NULL OR r.ends_at > p.paid_at)
  AND NOT EXISTS (SELECT FROM purchases d WHERE d.payment_id = p.payment_id AND d.verdict = 'refused')
ORDER BY p.payment_id

-- name: surplus
-- Subscriptions beside a player's first one that makes eligible.
SELECT ref, payment_id, player_id, status, ends_at, withdrew_from, version FROM (
  SELECT s.*, row_number() OVER (PARTITION BY s.player_id ORDER BY p.created_at, s.payment_id) AS place
  FROM subscriptions s JOIN payers p ON p.payment_id = s.payment_id
  WHERE s.status IN ('active', 'trialing')
) AS ordered WHERE place > 1 ORDER BY ref

-- name: orphans
-- Subscriptions whose players were erased.
SELECT ref FROM subscriptions_to_cancel ORDER BY ref

-- name: cancel_later
-- Keeps a subscription to be cancelled.
INSERT INTO subscriptions_to_cancel (ref) VALUES (%(ref)s) ON CONFLICT DO NOTHING

-- name: forget_orphan
-- Lets go of a subscription that was cancelled.
DELETE FROM subscriptions_to_cancel WHERE ref = %(ref)s
