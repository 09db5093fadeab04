-- name: seen
-- Notes that a player used a device; within an hour of the last time nothing is written.
INSERT INTO devices (player_id, device, first_seen, last_seen)
SELECT id, %(device)s, %(at)s, %(at)s FROM players WHERE id = %(player_id)s
ON CONFLICT (player_id, device) DO UPDATE SET last_seen = excluded.last_seen
WHERE devices.last_seen < excluded.last_seen - interval '1 hour'

-- name: forget_expired
-- Removes devices that were not seen for long.
DELETE FROM devices WHERE last_seen < %(oldest)s

-- name: sharing
-- The other players who used a device of a player's, and when the two last met on one.
SELECT p.id AS player_id, p.name, count(*) AS devices, max(least(mine.last_seen, theirs.last_seen)) AS last_seen
FROM devices mine
JOIN devices theirs ON theirs.device = mine.device AND theirs.player_id <> mine.player_id
JOIN players p ON p.id = theirs.player_id
WHERE mine.player_id = %(player_id)s AND mine.last_seen >= %(oldest)s AND theirs.last_seen >= %(oldest)s
GROUP BY p.id
ORDER BY last_seen DESC, p.id
LIMIT %(limit)s
