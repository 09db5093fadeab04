-- name: schema
-- The plan's tables as its API needs them: bets partitioned by week and found by player and by game, members and odds by
-- their keys, and room on a page for the next versions of members, so that an update touches no index.
CREATE SCHEMA plan_api;
CREATE TABLE plan_api.pool_members (
  user_id uuid NOT NULL,
  week text NOT NULL,
  credits bigint NOT NULL CHECK (credits >= 0),
  PRIMARY KEY (user_id, week)
) WITH (fillfactor = 50);
CREATE TABLE plan_api.odds (
  id uuid NOT NULL,
  outcome text NOT NULL,
  market_id uuid NOT NULL,
  game_id uuid NOT NULL,
  week text NOT NULL,
  market text NOT NULL,
  line text,
  price integer NOT NULL,
  PRIMARY KEY (id, outcome)
);
CREATE TABLE plan_api.bets (
  id uuid NOT NULL,
  week text NOT NULL,
  user_id uuid NOT NULL,
  game_id uuid NOT NULL,
  market_id uuid NOT NULL,
  odds_id uuid NOT NULL,
  market text NOT NULL,
  outcome text NOT NULL,
  line text,
  price integer NOT NULL,
  stake bigint NOT NULL,
  potential_payout bigint NOT NULL,
  status text NOT NULL DEFAULT 'placed',
  placed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, week)
) PARTITION BY LIST (week);
CREATE TABLE plan_api.bets_of_the_week PARTITION OF plan_api.bets DEFAULT;
CREATE INDEX ON plan_api.bets (user_id, placed_at);
CREATE INDEX ON plan_api.bets (market_id);

-- name: take_members
-- Takes over the players of the week, with the credits that they were granted.
INSERT INTO plan_api.pool_members SELECT player_id, week, 1000 FROM entries WHERE week = %(week)s

-- name: take_odds
-- Takes over what is on offer.
INSERT INTO plan_api.odds
SELECT odds_id, outcome, market_id, game_id, log, market, line, price::integer
FROM markets, jsonb_each_text(prices) AS offered (outcome, price) WHERE log = %(week)s

-- name: take_credits
-- Takes the stake where there are credits for it.
UPDATE plan_api.pool_members SET credits = credits - %(stake)s
WHERE user_id = %(user_id)s AND credits >= %(stake)s
  AND week = (SELECT week FROM plan_api.odds WHERE id = %(odds_id)s AND outcome = %(outcome)s)
RETURNING credits

-- name: insert_bet
-- Inserts the bet at the quote that it names, if that is still on offer.
INSERT INTO plan_api.bets (
  id, week, user_id, game_id, market_id, odds_id, market, outcome, line, price, stake, potential_payout
)
SELECT
  %(bet_id)s, week, %(user_id)s, game_id, market_id, id, market, outcome, line, price, %(stake)s,
  %(stake)s + CASE WHEN price > 0 THEN %(stake)s * price / 100 ELSE %(stake)s * 100 / -price END
FROM plan_api.odds WHERE id = %(odds_id)s AND outcome = %(outcome)s AND market_id = %(market_id)s
RETURNING
  id AS bet_id, status, %(credits)s AS remaining_credits, potential_payout, stake, price, line,
  outcome, market, market_id, game_id, odds_id, week, placed_at
