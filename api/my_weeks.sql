-- name: weeks_of_player
-- The weeks that a player enrolled in, newest first, from before a week on; read back, those after it, oldest first.
SELECT e.week, e.entry, w.state, w.starts_at, w.ends_at, r.via, r.rules_hash, r.enrolled_at, r.withdrawn_at,
       p.pool_id, p.name, p.size, s.credits, s.at_stake, s.open_bets, s.won, s.lost, s.returned,
       CASE WHEN s.entry IS NOT NULL THEN (
         SELECT count(*) + 1 FROM leaderboard o WHERE o.pool_id = s.pool_id AND o.credits > s.credits
       ) END AS rank
FROM entries e
JOIN registrations r ON r.entry = e.entry
JOIN weeks w ON w.log = e.week
LEFT JOIN leaderboard s ON s.entry = e.entry
LEFT JOIN pools p ON p.pool_id = s.pool_id
WHERE e.player_id = %(player_id)s
  AND (%(week)s::text IS NULL
    OR CASE WHEN %(is_back)s THEN e.week COLLATE "C" > %(week)s ELSE e.week COLLATE "C" < %(week)s END)
ORDER BY CASE WHEN %(is_back)s THEN e.week COLLATE "C" END, e.week COLLATE "C" DESC
LIMIT %(limit)s
