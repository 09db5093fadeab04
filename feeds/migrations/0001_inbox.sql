-- What the feed keeps outside the ledger: the latest message per game and topic, and what could not be applied.

CREATE TABLE feed_messages (
  source text NOT NULL,
  game_id text NOT NULL,
  topic text NOT NULL,
  at timestamptz NOT NULL,
  body bytea NOT NULL,
  waits_for text,
  PRIMARY KEY (source, game_id, topic)
);
COMMENT ON COLUMN feed_messages.topic IS 'game, result, status.postponed and so on, or quote or market with its market: quote.spread.';
COMMENT ON COLUMN feed_messages.waits_for IS 'The week whose log must open before the message can be applied.';
CREATE INDEX feed_messages_waiting ON feed_messages (waits_for, at) WHERE waits_for IS NOT NULL;

CREATE TABLE dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  msg_id text NOT NULL UNIQUE,
  subject text NOT NULL,
  source text,
  game_id text,
  reason text NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL,
  resolved text
);
CREATE INDEX dead_letters_of_game ON dead_letters (source, game_id) WHERE resolved IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON feed_messages, dead_letters TO fairpool_service;
