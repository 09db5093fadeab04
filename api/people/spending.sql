-- name: limits
-- What a player has set.
SELECT period, cents, next_cents, next_from FROM spend_limits WHERE player_id = %(player_id)s

-- name: hold
-- Puts changes of one player's limits in order.
SELECT id FROM players WHERE id = %(player_id)s FOR UPDATE

-- name: keep
-- Stores what a player has set for a period.
INSERT INTO spend_limits (player_id, period, cents, next_cents, next_from, currency)
VALUES (%(player_id)s, %(period)s, %(cents)s, %(next_cents)s, %(next_from)s, %(currency)s)
ON CONFLICT (player_id, period) DO UPDATE SET
  cents = excluded.cents, next_cents = excluded.next_cents, next_from = excluded.next_from,
  currency = excluded.currency
