-- name: schema
-- One row per pool.
CREATE TABLE pools (
  log text NOT NULL,
  pool_id uuid NOT NULL,
  week text NOT NULL,
  name text NOT NULL,
  size integer NOT NULL,
  opened integer NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (pool_id, log)
);
CREATE INDEX pools_by_log ON pools (log);
CREATE INDEX pools_by_week ON pools (week);
GRANT SELECT, INSERT, UPDATE, DELETE ON pools TO fairpool_service;

-- name: pool
-- A pool by id.
SELECT * FROM pools WHERE pool_id = %(pool_id)s

-- name: pools_of_week
-- The pools of a week behind a name, A to Z before AA; read back, those before it.
SELECT * FROM pools
WHERE week = %(week)s
  AND (%(name)s::text IS NULL
    OR CASE WHEN %(is_back)s
      THEN (length(name), name COLLATE "C") < (length(%(name)s::text), %(name)s::text)
      ELSE (length(name), name COLLATE "C") > (length(%(name)s::text), %(name)s::text)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN length(name) END DESC, CASE WHEN %(is_back)s THEN name COLLATE "C" END DESC,
  length(name), name COLLATE "C"
LIMIT %(limit)s

-- name: pool_called
-- A pool of a week by name or id.
SELECT * FROM pools WHERE week = %(week)s AND %(name)s IN (name, pool_id::text)

-- name: pools_in
-- How many pools some weeks have.
SELECT week, count(*)::integer AS number FROM pools WHERE week = ANY (%(weeks)b::text[]) GROUP BY week
