-- name: schema
-- One row per game that a source has said anything of.
CREATE TABLE settlements (
  log text NOT NULL,
  settlement uuid NOT NULL,
  game_id uuid NOT NULL,
  records integer NOT NULL,
  resolution integer NOT NULL,
  source text,
  status text,
  certainty text,
  home_score integer,
  away_score integer,
  result_position bigint,
  bets bigint NOT NULL,
  staked bigint NOT NULL,
  paid bigint NOT NULL,
  completed_resolution integer NOT NULL,
  completed_position bigint,
  PRIMARY KEY (settlement, log)
);
CREATE UNIQUE INDEX settlements_by_game ON settlements (game_id, log);
CREATE INDEX settlements_by_log ON settlements (log);
CREATE INDEX settlements_unfinished ON settlements (log, result_position) WHERE resolution > completed_resolution;
GRANT SELECT, INSERT, UPDATE, DELETE ON settlements TO fairpool_service;

-- name: settlement
-- The settlement of a game.
SELECT * FROM settlements WHERE game_id = %(game_id)s

-- name: settlements_of_games
-- The settlements of some games.
SELECT * FROM settlements WHERE game_id = ANY (%(game_ids)b)

-- name: settlements_of_log
-- The settlements of a log.
SELECT * FROM settlements WHERE log = %(log)s ORDER BY settlement

-- name: unfinished
-- The settlements under way.
SELECT * FROM settlements WHERE resolution > completed_resolution ORDER BY log, result_position
