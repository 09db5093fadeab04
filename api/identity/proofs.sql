-- name: issue
-- Keeps a code for a player, in place of the one of that kind before it.
INSERT INTO proofs (player_id, purpose, code, expires_at)
VALUES (%(player_id)s, %(purpose)s, %(code)s, %(expires_at)s)
ON CONFLICT (player_id, purpose) DO UPDATE SET code = excluded.code, expires_at = excluded.expires_at

-- name: redeem
-- Uses up a code: of two who come with it at once, one gets it.
DELETE FROM proofs WHERE code = %(code)s AND purpose = %(purpose)s AND expires_at > %(now)s RETURNING player_id

-- name: forget_expired
-- Removes codes that nobody used in time.
DELETE FROM proofs WHERE code IN (
  SELECT code FROM proofs WHERE expires_at <= %(now)s LIMIT 1000 FOR UPDATE SKIP LOCKED
)
