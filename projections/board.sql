-- name: schema
-- One row per listing of a game, and one per market of it.
CREATE TABLE games (
  log text NOT NULL,
  game_id uuid NOT NULL,
  week text NOT NULL,
  source text NOT NULL,
  external_id text NOT NULL,
  league text NOT NULL,
  home text NOT NULL,
  away text NOT NULL,
  starts_at timestamptz NOT NULL,
  listed_at timestamptz NOT NULL,
  position bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('scheduled', 'locked', 'moved_out')),
  locked text,
  locked_at timestamptz,
  started_at timestamptz,
  suspended text,
  result_status text,
  certainty text,
  home_score integer,
  away_score integer,
  PRIMARY KEY (game_id, log)
);
CREATE INDEX games_by_log ON games (log);
CREATE INDEX games_by_start ON games (starts_at);
CREATE INDEX games_by_external_id ON games (source, external_id);

CREATE TABLE markets (
  log text NOT NULL,
  market_id uuid NOT NULL,
  game_id uuid NOT NULL,
  market text NOT NULL,
  odds_id uuid,
  line text,
  prices jsonb NOT NULL,
  source text,
  quoted_at timestamptz,
  suspended text,
  PRIMARY KEY (market_id, log)
) WITH (fillfactor = 70);
CREATE INDEX markets_by_log ON markets (log);
CREATE INDEX markets_by_game ON markets (game_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON games, markets TO fairpool_service;

-- name: game
-- A game by id.
SELECT * FROM games WHERE game_id = %(game_id)s

-- name: games
-- Games by id.
SELECT * FROM games WHERE game_id = ANY (%(game_ids)b) ORDER BY starts_at, game_id

-- name: games_between
-- The games that start between two instants; a listing that moved out is another listing's game now.
SELECT * FROM games
WHERE starts_at >= %(since)s AND starts_at < %(until)s AND state <> 'moved_out'
ORDER BY starts_at, game_id

-- name: games_of_log
-- All listings of a log.
SELECT * FROM games WHERE log = %(log)s ORDER BY starts_at, game_id

-- name: listings
-- The listings of a source's game, newest first.
SELECT * FROM games
WHERE source = %(source)s AND external_id = %(external_id)s
ORDER BY listed_at DESC, position DESC

-- name: market
-- A quoted market by id.
SELECT * FROM markets WHERE market_id = %(market_id)s AND odds_id IS NOT NULL

-- name: markets_of_games
-- The quoted markets of some games.
SELECT * FROM markets WHERE game_id = ANY (%(game_ids)b) AND odds_id IS NOT NULL ORDER BY game_id, market
