-- name: schema
-- Adds to the plan's tables (plan.sql) the columns that settlement fills, and room for any week.
ALTER TABLE plan.bets ADD COLUMN payout bigint, ADD COLUMN settled_at timestamptz;
CREATE TABLE plan.bets_of_other_weeks PARTITION OF plan.bets DEFAULT

-- name: take_members
-- Takes over the accounts of a week from our projection, numbered.
INSERT INTO plan.pool_members
SELECT dense_rank() OVER (ORDER BY pool_id), row_number() OVER (ORDER BY pool_id, entry), available
FROM accounts WHERE log = %(week)s

-- name: take_bets
-- Takes over the bets of a week from our projection, in the order in which they were placed.
INSERT INTO plan.bets (
  id, week, user_id, game_id, market_id, odds_id, market, outcome, line, price, stake, potential_payout, payout, status,
  placed_at, settled_at
) OVERRIDING SYSTEM VALUE
SELECT position, log, members.number, hashtext(game_id::text), hashtext(market_id::text), hashtext(odds_id::text), market,
       outcome, line::numeric, price, stake, potential_payout, payout, status, placed_at, settled_at
FROM bets
JOIN (SELECT row_number() OVER (ORDER BY pool_id, entry) AS number, entry FROM accounts WHERE log = %(week)s) AS members
  USING (entry)
WHERE log = %(week)s ORDER BY position

-- name: settle_bets
-- Grades all bets of a game: by how much each beat its line decides. `lead` is the home side's, `total` the sum.
UPDATE plan.bets SET
  settled_at = now(),
  status = CASE sign(CASE
      WHEN market = 'total' AND outcome = 'over' THEN %(total)s - line
      WHEN market = 'total' THEN line - %(total)s
      WHEN outcome = 'home' THEN %(lead)s + coalesce(line, 0)
      ELSE -%(lead)s - coalesce(line, 0)
    END)
    WHEN 1 THEN 'won' WHEN -1 THEN 'lost' ELSE 'push' END,
  payout = CASE sign(CASE
      WHEN market = 'total' AND outcome = 'over' THEN %(total)s - line
      WHEN market = 'total' THEN line - %(total)s
      WHEN outcome = 'home' THEN %(lead)s + coalesce(line, 0)
      ELSE -%(lead)s - coalesce(line, 0)
    END)
    WHEN 1 THEN potential_payout WHEN -1 THEN 0 ELSE stake END
WHERE week = %(week)s AND game_id = hashtext(%(game_id)s::text) AND status = 'placed'

-- name: pay_members
-- Credits what the bets of a game won, once per member.
UPDATE plan.pool_members AS members SET credits = credits + paid.won
FROM (
  SELECT user_id, sum(payout) AS won FROM plan.bets
  WHERE week = %(week)s AND game_id = hashtext(%(game_id)s::text) GROUP BY user_id
) AS paid
WHERE members.user_id = paid.user_id AND paid.won > 0

-- name: credits
-- The credits of all members.
SELECT sum(credits)::bigint FROM plan.pool_members

-- name: credits_paid_by_us
-- The credits of all accounts of a week, by our projection.
SELECT sum(available)::bigint FROM accounts WHERE log = %(week)s
