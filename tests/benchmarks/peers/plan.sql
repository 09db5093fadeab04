-- name: schema
-- The plan's tables as its users would tune them for stakes: narrow keys, room on a page for the next versions of its
-- rows, so that an update touches no index, and bets partitioned by week, found by player and by game.
CREATE SCHEMA plan;
CREATE TABLE plan.pool_members (
  pool_id bigint NOT NULL,
  user_id bigint NOT NULL PRIMARY KEY,
  credits bigint NOT NULL CHECK (credits >= 0)
) WITH (fillfactor = 50);
CREATE TABLE plan.bets (
  id bigint GENERATED ALWAYS AS IDENTITY,
  week text NOT NULL,
  user_id bigint NOT NULL,
  game_id bigint NOT NULL,
  market_id bigint NOT NULL,
  odds_id bigint NOT NULL,
  market text NOT NULL,
  outcome text NOT NULL,
  line numeric,
  price integer NOT NULL,
  stake bigint NOT NULL,
  potential_payout bigint NOT NULL,
  status text NOT NULL DEFAULT 'placed',
  placed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, week)
) PARTITION BY LIST (week);
CREATE TABLE plan.bets_2026_w46 PARTITION OF plan.bets FOR VALUES IN ('2026-W46');
CREATE TABLE plan.bets_2026_w47 PARTITION OF plan.bets FOR VALUES IN ('2026-W47');
CREATE INDEX ON plan.bets (user_id, placed_at);
CREATE INDEX ON plan.bets (market_id);

-- name: take_members
-- Members with credits for as many stakes as anybody can place.
INSERT INTO plan.pool_members SELECT n / 100, n, 1000000000 FROM generate_series(1, %(members)s) AS n

-- name: take_bets
-- As many bets as our log begins with, so that both have indexes of the same height.
INSERT INTO plan.bets (week, user_id, game_id, market_id, odds_id, market, outcome, line, price, stake, potential_payout)
SELECT '2026-W47', 1 + n %% %(members)s, n %% 16, n %% 48, n %% 96, 'spread', 'home', -6.0, -110, 10, 19
FROM generate_series(1, %(bets)s) AS n
