-- What is kept to look after the feed: when each source was heard, what became of dead letters, flags for operators,
-- and the words of sources that confirm each other.

ALTER TABLE dead_letters
  ADD COLUMN tries integer NOT NULL DEFAULT 0,
  ADD COLUMN resolved_at timestamptz,
  ADD COLUMN resolved_by text,
  ADD COLUMN resolved_why text;
COMMENT ON COLUMN dead_letters.resolved IS 'What became of it: applied, repeated, waiting or dropped; null as long as nothing did.';
COMMENT ON COLUMN dead_letters.tries IS 'How often an operator had it tried again.';

CREATE TABLE feed_sources (
  source text PRIMARY KEY,
  heard_at timestamptz NOT NULL
);
COMMENT ON COLUMN feed_sources.heard_at IS 'When the newest thing that it said was said, by its own clock and never later than by ours.';

CREATE TABLE feed_flags (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cause text NOT NULL UNIQUE,
  kind text NOT NULL,
  source text NOT NULL,
  week text NOT NULL,
  game_id uuid NOT NULL,
  detail text NOT NULL,
  raised_at timestamptz NOT NULL,
  resolved_at timestamptz,
  resolved_by text,
  note text
);
COMMENT ON COLUMN feed_flags.cause IS 'What a flag is raised for once, however often it is seen.';
CREATE INDEX feed_flags_of_game ON feed_flags (game_id);
CREATE INDEX feed_flags_open ON feed_flags (id) WHERE resolved_at IS NULL;

CREATE TABLE confirming_games (
  source text NOT NULL,
  game_id text NOT NULL,
  league text NOT NULL,
  home text NOT NULL,
  away text NOT NULL,
  starts_at timestamptz NOT NULL,
  PRIMARY KEY (source, game_id)
);
COMMENT ON TABLE confirming_games IS 'Games as a confirming source lists them, under its own ids.';
CREATE INDEX confirming_games_of_teams ON confirming_games (source, league, home, away);

CREATE TABLE feed_words (
  subject text PRIMARY KEY,
  source text NOT NULL,
  revision bigint NOT NULL,
  certainty text NOT NULL,
  status text NOT NULL,
  home_score integer,
  away_score integer,
  regulation_home integer,
  regulation_away integer,
  said_at timestamptz NOT NULL
);
COMMENT ON TABLE feed_words IS 'The last word of each source on a game, where a result waits for a second source.';
COMMENT ON COLUMN feed_words.subject IS 'The ledger''s id of the game, or source and id of one that a confirming source lists.';

GRANT SELECT, INSERT, UPDATE, DELETE ON feed_sources, feed_flags, confirming_games, feed_words TO fairpool_service;
