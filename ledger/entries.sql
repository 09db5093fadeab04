-- name: entry_of
-- A player's entry in a week.
SELECT player_id, week, entry FROM entries WHERE player_id = %s AND week = %s

-- name: entries_of
-- All entries of a player, newest week first.
SELECT player_id, week, entry FROM entries WHERE player_id = %s ORDER BY week DESC
