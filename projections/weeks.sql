-- name: schema
-- One row per book of a week.
CREATE TABLE weeks (
  log text NOT NULL,
  week text NOT NULL,
  state text NOT NULL CHECK (state IN ('registering', 'grouped', 'closed', 'settled', 'final')),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  rules text NOT NULL,
  rules_hash text NOT NULL,
  seed_commitment text NOT NULL,
  position bigint NOT NULL,
  frozen_at timestamptz,
  roster_hash text,
  roster_size integer,
  drawn_at timestamptz,
  seed text,
  grouped_at timestamptz,
  closed_at timestamptz,
  settled_n integer NOT NULL,
  settled_at timestamptz,
  finalised_at timestamptz,
  standings_hash text,
  PRIMARY KEY (week, log)
);
CREATE UNIQUE INDEX weeks_by_log ON weeks (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON weeks TO fairpool_service;

-- name: week
-- The week of a log.
SELECT * FROM weeks WHERE log = %(log)s

-- name: weeks
-- The weeks before a week, newest first; read back, those after it, oldest first. A cell's log is not listed apart.
SELECT * FROM weeks
WHERE log = week
  AND (%(week)s::text IS NULL
    OR CASE WHEN %(is_back)s THEN week COLLATE "C" > %(week)s ELSE week COLLATE "C" < %(week)s END)
ORDER BY CASE WHEN %(is_back)s THEN week COLLATE "C" END, week COLLATE "C" DESC
LIMIT %(limit)s

-- name: week_at
-- The week that holds an instant.
SELECT * FROM weeks WHERE starts_at <= %(at)s AND ends_at > %(at)s ORDER BY log LIMIT 1

-- name: unfinished
-- The weeks in which something may still move.
SELECT * FROM weeks WHERE state <> 'final' ORDER BY week, log
