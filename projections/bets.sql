-- name: schema
-- One row per bet, and one per entry that may bet.
CREATE TABLE bets (
  log text NOT NULL,
  bet_id uuid NOT NULL,
  entry uuid NOT NULL,
  pool_id uuid NOT NULL,
  game_id uuid NOT NULL,
  market_id uuid NOT NULL,
  odds_id uuid NOT NULL,
  market text NOT NULL,
  outcome text NOT NULL,
  line text,
  price integer NOT NULL,
  stake bigint NOT NULL,
  potential_payout bigint NOT NULL,
  placed_at timestamptz NOT NULL,
  position bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('placed', 'won', 'lost', 'push', 'void')),
  void_reason text,
  payout bigint,
  resolution integer NOT NULL,
  corrected integer NOT NULL,
  settled_at timestamptz,
  settled_position bigint,
  PRIMARY KEY (bet_id, log)
) WITH (fillfactor = 70);
CREATE INDEX bets_by_game ON bets (log, game_id, position);
CREATE INDEX bets_by_entry ON bets (entry, position);

CREATE TABLE bettors (
  log text NOT NULL,
  entry uuid NOT NULL,
  pool_id uuid NOT NULL,
  PRIMARY KEY (entry, log)
);
CREATE INDEX bettors_by_log ON bettors (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON bets, bettors TO fairpool_service;

-- name: bet
-- A bet by id.
SELECT * FROM bets WHERE bet_id = %(bet_id)s

-- name: bets_of_entries
-- The bets of some entries behind a place, newest first; read back, those before it, oldest first.
SELECT * FROM bets
WHERE entry = ANY (%(entries)b)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(game_id)s::uuid IS NULL OR game_id = %(game_id)s)
  AND (%(market)s::text IS NULL OR market = %(market)s)
  AND (%(log)s::text IS NULL
    OR CASE WHEN %(is_back)s
      THEN (log COLLATE "C", position) > (%(log)s, %(position)s::bigint)
      ELSE (log COLLATE "C", position) < (%(log)s, %(position)s::bigint)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN log COLLATE "C" END, CASE WHEN %(is_back)s THEN position END,
  log COLLATE "C" DESC, position DESC
LIMIT %(limit)s

-- name: open_or_settled_bets_of_game
-- The bets of a game that a resolution settles, in the order in which they were placed.
SELECT bet_id, entry, position FROM bets
WHERE log = %(log)s AND game_id = %(game_id)s AND position > %(after_position)s AND position <= %(cut)s
ORDER BY position LIMIT %(limit)s

-- name: staked_on_game
-- What was staked on a game up to a position.
SELECT coalesce(sum(stake), 0)::bigint AS staked FROM bets
WHERE log = %(log)s AND game_id = %(game_id)s AND position <= %(cut)s
