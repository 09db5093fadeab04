-- name: open
-- Adds a session for a player whose password is still the one that was checked: whoever changes it waits, or is seen.
WITH player AS (
  SELECT id FROM players WHERE id = %(player_id)s AND password_hash = %(password_hash)s FOR SHARE
)
INSERT INTO sessions (id, player_id, user_agent, created_at, last_used_at, expires_at, series, token)
SELECT %(id)s, player.id, %(user_agent)s, %(now)s, %(now)s, %(expires_at)s, %(series)s, %(token)s FROM player

-- name: rotate
-- Uses up a session's token, or repeats its last use within the grace; the row's lock puts simultaneous uses in order.
UPDATE sessions AS s SET
  salt = CASE WHEN s.token = %(token)s THEN %(salt)s ELSE s.salt END,
  used_at = CASE WHEN s.token = %(token)s THEN %(now)s ELSE s.used_at END,
  used_token = %(token)s,
  token = CASE WHEN s.token = %(token)s THEN %(successor)s ELSE s.token END,
  last_used_at = %(now)s,
  expires_at = least(%(now)s + %(idle)s, s.created_at + %(longest)s)
FROM players p
WHERE s.series = %(series)s AND s.expires_at > %(now)s AND p.id = s.player_id
  AND (s.token = %(token)s OR (s.used_token = %(token)s AND s.used_at > %(now)s - %(grace)s))
RETURNING s.id, s.player_id, p.role, s.salt, s.expires_at

-- name: revoke_reused
-- Ends the session of a token that was used up before.
DELETE FROM sessions WHERE series = %(series)s AND token <> %(token)s AND expires_at > %(now)s RETURNING id, player_id

-- name: sessions_of
-- A player's living sessions behind a place, newest first; read back, those before it, oldest first.
SELECT id, user_agent, created_at, last_used_at, expires_at FROM sessions
WHERE player_id = %(player_id)s AND expires_at > %(now)s
  AND (%(created_at)s::timestamptz IS NULL
    OR CASE WHEN %(is_back)s
      THEN (created_at, id) > (%(created_at)s, %(id)s::uuid)
      ELSE (created_at, id) < (%(created_at)s, %(id)s::uuid)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN created_at END, CASE WHEN %(is_back)s THEN id END,
  created_at DESC, id DESC
LIMIT %(limit)s

-- name: revoke
-- Ends one session of a player.
DELETE FROM sessions WHERE id = %(id)s AND player_id = %(player_id)s RETURNING id

-- name: revoke_all
-- Ends all sessions of a player, but for one where it is named.
DELETE FROM sessions WHERE player_id = %(player_id)s AND id IS DISTINCT FROM %(but)s RETURNING id

-- name: forget_expired
-- Removes sessions that nobody refreshed in time.
DELETE FROM sessions WHERE id IN (
  SELECT id FROM sessions WHERE expires_at <= %(now)s LIMIT 10000 FOR UPDATE SKIP LOCKED
)
