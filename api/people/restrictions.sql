-- name: of_player
-- All restrictions of a player, newest first.
SELECT id, player_id, kind, starts_at, ends_at, reason, placed_by, request, lifted_at, lifted_by
FROM restrictions WHERE player_id = %(player_id)s
ORDER BY starts_at DESC, id

-- name: in_force
-- Of each restricted player the restriction that lasts longest: few, and read once a second.
SELECT DISTINCT ON (player_id) id, player_id, kind, starts_at, ends_at, reason, placed_by, request, lifted_at, lifted_by
FROM restrictions
WHERE lifted_at IS NULL AND (ends_at IS NULL OR ends_at > %(at)s)
ORDER BY player_id, ends_at DESC NULLS FIRST

-- name: place
-- Adds a restriction, unless the same request did so before.
INSERT INTO restrictions (id, player_id, kind, starts_at, ends_at, reason, placed_by, request)
VALUES (%(id)s, %(player_id)s, %(kind)s, %(starts_at)s, %(ends_at)s, %(reason)s, %(placed_by)s, %(request)s)
ON CONFLICT (player_id, placed_by, request) DO NOTHING

-- name: placed
-- The restriction that a request came to.
SELECT id, player_id, kind, starts_at, ends_at, reason, placed_by, request, lifted_at, lifted_by
FROM restrictions WHERE player_id = %(player_id)s AND placed_by = %(placed_by)s AND request = %(request)s

-- name: lift_suspensions
-- Ends the suspensions of a player that are in force.
UPDATE restrictions SET lifted_at = %(at)s, lifted_by = %(by)s
WHERE player_id = %(player_id)s AND kind = 'suspension' AND lifted_at IS NULL
  AND (ends_at IS NULL OR ends_at > %(at)s)
