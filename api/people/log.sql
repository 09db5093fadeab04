-- name: note
-- Adds what an operator did to the log, once for each player; those who are gone are left out.
INSERT INTO people_log (player_id, operator_id, act, reason, request_id, at)
SELECT id, %(operator_id)s, %(act)s, %(reason)s, %(request_id)s, %(at)s
FROM players WHERE id = ANY (%(players)b)
ORDER BY id

-- name: notes_about
-- What operators looked at and did of a player, newest first.
SELECT operator_id, act, reason, request_id, at FROM people_log
WHERE player_id = %(player_id)s ORDER BY id DESC LIMIT %(limit)s
