-- name: schema
-- One row per entry, and one per open bet. Ranks are computed when read: a movement then touches one row.
CREATE TABLE leaderboard (
  log text NOT NULL,
  entry uuid NOT NULL,
  pool_id uuid NOT NULL,
  pool_name text NOT NULL,
  position bigint NOT NULL,
  credits bigint NOT NULL,
  at_stake bigint NOT NULL,
  open_bets integer NOT NULL,
  won integer NOT NULL,
  lost integer NOT NULL,
  returned integer NOT NULL,
  PRIMARY KEY (entry, log)
) WITH (fillfactor = 70);
CREATE INDEX leaderboard_by_log ON leaderboard (log);
CREATE INDEX leaderboard_by_pool ON leaderboard (pool_id);

CREATE TABLE leaderboard_stakes (
  log text NOT NULL,
  bet_id uuid NOT NULL,
  stake bigint NOT NULL,
  PRIMARY KEY (bet_id, log)
);
CREATE INDEX leaderboard_stakes_by_log ON leaderboard_stakes (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON leaderboard, leaderboard_stakes TO fairpool_service;

-- name: leaderboard
-- The standings of a pool.
SELECT rank() OVER (ORDER BY credits DESC) AS rank, *
FROM leaderboard WHERE pool_id = %(pool_id)s ORDER BY rank, entry

-- name: standing
-- An entry's line of its pool's standings.
SELECT * FROM (
  SELECT rank() OVER (ORDER BY credits DESC) AS rank, *
  FROM leaderboard
  WHERE pool_id = (SELECT pool_id FROM leaderboard WHERE entry = %(entry)s)
) AS standings
WHERE entry = %(entry)s
