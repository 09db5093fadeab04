-- name: raise_flag
-- Raises a flag, once for its cause; one that was cleared by itself is raised again where that is wanted.
INSERT INTO feed_flags (cause, kind, source, week, game_id, detail, raised_at)
VALUES (%(cause)s, %(kind)s, %(source)s, %(week)s, %(game_id)s, %(detail)s, %(at)s)
ON CONFLICT (cause) DO UPDATE
SET raised_at = excluded.raised_at, resolved_at = NULL, resolved_by = NULL, note = NULL
WHERE %(again)s AND feed_flags.resolved_by = 'feed'

-- name: clear
-- Resolves the open flags of a game and a kind, but for those of one cause, because of what came.
UPDATE feed_flags SET resolved_at = %(at)s, resolved_by = 'feed', note = %(note)s
WHERE game_id = %(game_id)s AND kind = %(kind)s AND resolved_at IS NULL AND cause IS DISTINCT FROM %(but_for)s::text

-- name: clear_weeks
-- Resolves all open flags of weeks about which nothing can be done any more.
UPDATE feed_flags SET resolved_at = %(at)s, resolved_by = 'feed', note = %(note)s
WHERE week = ANY (%(weeks)s) AND resolved_at IS NULL

-- name: resolve
-- Resolves a flag as an operator says.
UPDATE feed_flags SET resolved_at = %(at)s, resolved_by = %(by)s, note = %(note)s
WHERE id = %(id)s AND resolved_at IS NULL

-- name: flag
-- A flag by id.
SELECT id, kind, source, week, game_id, detail, raised_at, resolved_at, resolved_by, note FROM feed_flags
WHERE id = %(id)s

-- name: flags
-- A page of flags, newest first, all or those that are open.
SELECT id, kind, source, week, game_id, detail, raised_at, resolved_at, resolved_by, note FROM feed_flags
WHERE (%(open_only)s IS FALSE OR resolved_at IS NULL)
  AND (%(place)s::bigint IS NULL OR CASE WHEN %(is_back)s THEN id > %(place)s ELSE id < %(place)s END)
ORDER BY CASE WHEN %(is_back)s THEN id ELSE -id END
LIMIT %(limit)s

-- name: flags_of_game
-- All flags of a game, oldest first.
SELECT id, kind, source, week, game_id, detail, raised_at, resolved_at, resolved_by, note FROM feed_flags
WHERE game_id = %(game_id)s ORDER BY id

-- name: open_of_week
-- The open flags of a week.
SELECT id, kind, source, week, game_id, detail, raised_at, resolved_at, resolved_by, note FROM feed_flags
WHERE week = %(week)s AND resolved_at IS NULL ORDER BY id
