-- name: schema
-- How far each projection has come in each log, and what stopped it there.
CREATE TABLE projection_positions (
  name text NOT NULL,
  log text NOT NULL,
  position bigint NOT NULL DEFAULT 0,
  error text,
  PRIMARY KEY (name, log)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON projection_positions TO fairpool_service;

-- name: schema_2
-- How quick the last batch was, in facts a second.
ALTER TABLE projection_positions ADD COLUMN rate real;

-- name: schema_3
-- How far a generation has come whose log is folded by streams: of so many parts of all streams those that are done are in
-- its rows, up to a position of the log; those were so many facts.
ALTER TABLE projection_positions ADD COLUMN parts_until bigint, ADD COLUMN parts integer, ADD COLUMN parts_done integer,
  ADD COLUMN parts_facts bigint;

-- name: behind
-- The logs with news for a projection that is not stopped there.
SELECT DISTINCT h.log
FROM heads h
CROSS JOIN unnest(%(names)s::text[]) AS n(name)
LEFT JOIN projection_positions p ON p.name = n.name AND p.log = h.log
WHERE h.position > coalesce(p.position, 0) AND p.error IS NULL
ORDER BY h.log

-- name: begin
-- Makes sure that each projection has a row for a log.
INSERT INTO projection_positions (name, log)
SELECT name, %(log)s FROM unnest(%(names)s::text[]) AS n(name)
ON CONFLICT DO NOTHING

-- name: lock_free
-- Locks the projections of a log that nobody else is at work on and that are not stopped, until the transaction ends.
SELECT name, position FROM projection_positions
WHERE log = %(log)s AND name = ANY (%(names)s) AND error IS NULL
ORDER BY position, name FOR UPDATE SKIP LOCKED

-- name: lock
-- Locks one projection of a log, waiting for whoever is at work on it.
SELECT position FROM projection_positions WHERE log = %(log)s AND name = %(name)s FOR UPDATE

-- name: parts
-- How far one projection has come that is folded by streams; it is locked until the transaction ends.
SELECT parts_until, parts, parts_done, parts_facts FROM projection_positions
WHERE log = %(log)s AND name = %(name)s AND position = 0 AND parts > 0 FOR UPDATE

-- name: put_parts
-- Notes how far a projection has come that is folded by streams. When all parts are done it is at their position.
INSERT INTO projection_positions AS p (name, log, parts_until, parts, parts_done, parts_facts)
VALUES (%(name)s, %(log)s, %(until)s, %(parts)s, %(done)s, %(facts)s)
ON CONFLICT (name, log) DO UPDATE
SET parts_until = EXCLUDED.parts_until, parts = EXCLUDED.parts, parts_done = EXCLUDED.parts_done,
  parts_facts = EXCLUDED.parts_facts,
  position = CASE WHEN EXCLUDED.parts_done = EXCLUDED.parts THEN EXCLUDED.parts_until ELSE p.position END

-- name: at
-- Where projections stand in a log.
SELECT name, position FROM projection_positions WHERE log = %(log)s AND name = ANY (%(names)s)

-- name: advance
-- Moves projections of a log to a position.
UPDATE projection_positions SET position = %(position)s, error = NULL, rate = coalesce(%(rate)s, rate)
WHERE log = %(log)s AND name = ANY (%(names)s)

-- name: stop
-- Notes what stopped projections of a log.
UPDATE projection_positions SET error = %(error)s WHERE log = %(log)s AND name = ANY (%(names)s)

-- name: retry
-- Lets stopped projections try again from where they stand.
UPDATE projection_positions SET error = NULL WHERE name = ANY (%(names)s) AND error IS NOT NULL

-- name: status
-- Where each projection stands in each log that has begun, and when the first fact that it lacks was recorded.
SELECT n.name, h.log, coalesce(p.position, 0) AS position, h.position AS head, p.error, p.rate,
       coalesce(g.generation, 1) AS generation,
       CASE WHEN coalesce(p.position, 0) < h.position THEN (
         SELECT recorded_at FROM events WHERE log = h.log AND notification_id = coalesce(p.position, 0) + 1
       ) END AS waiting_since
FROM heads h
CROSS JOIN unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place)
LEFT JOIN projection_positions p ON p.name = n.name AND p.log = h.log
LEFT JOIN projection_generations g ON g.label = n.name AND g.state = 'live'
WHERE h.position > 0
ORDER BY h.log <> 'office', h.log, n.place

-- name: reached
-- Whether all the projections have reached a position, and whether one of those that have not is stopped.
SELECT count(*) FILTER (WHERE position >= %(position)s) = cardinality(%(names)s::text[]) AS reached,
       coalesce(bool_or(error IS NOT NULL AND position < %(position)s), false) AS stopped
FROM projection_positions WHERE log = %(log)s AND name = ANY (%(names)s)

-- name: come_to
-- The position of each of some logs that all the projections have come to.
SELECT log, min(position) AS position FROM projection_positions
WHERE log = ANY (%(logs)s) AND name = ANY (%(names)s)
GROUP BY log HAVING count(*) = cardinality(%(names)s::text[])

-- name: lock_all
-- Locks one projection in all logs that it has begun, waiting for whoever is at work on it.
SELECT log, position, error FROM projection_positions WHERE name = %(name)s ORDER BY log FOR UPDATE

-- name: standing
-- Where one projection stands in all logs that it has begun.
SELECT log, position, error FROM projection_positions WHERE name = %(name)s ORDER BY log

-- name: put
-- Puts one projection at a position of each of some logs, with no error.
INSERT INTO projection_positions (name, log, position)
SELECT %(name)s, s.log, s.position FROM unnest(%(logs)s::text[], %(positions)s::bigint[]) AS s(log, position)
ON CONFLICT (name, log) DO UPDATE SET position = EXCLUDED.position, error = NULL

-- name: exchange
-- Gives the live projection the positions of its next generation, whose own are dropped, and keeps those it had.
WITH next AS (
  DELETE FROM projection_positions WHERE name = %(next)s RETURNING log, position
), kept AS (
  INSERT INTO projection_positions (name, log, position)
  SELECT %(kept)s, log, position FROM projection_positions WHERE name = %(name)s
)
INSERT INTO projection_positions (name, log, position) SELECT %(name)s, log, position FROM next
ON CONFLICT (name, log) DO UPDATE SET position = EXCLUDED.position, error = NULL

-- name: forget
-- Drops the positions of a generation.
DELETE FROM projection_positions WHERE name = %(name)s
