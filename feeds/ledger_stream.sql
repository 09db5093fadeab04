-- name: events_end
-- The position of the last event of each log that has begun, the office first, then the weeks in order.
SELECT log, position FROM heads WHERE position > 0 ORDER BY log <> 'office', log

-- name: notes_end
-- The size of the newest checkpoint of each log that has one, the office first, then the weeks in order.
SELECT h.log, c.size
FROM heads h
CROSS JOIN LATERAL (SELECT max(size) AS size FROM checkpoints WHERE log = h.log) c
WHERE c.size IS NOT NULL
ORDER BY h.log <> 'office', h.log
