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
-- The pools of a week, A to Z before AA.
SELECT * FROM pools WHERE week = %(week)s ORDER BY length(name), name COLLATE "C"
