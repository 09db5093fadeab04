-- name: schema
-- One row per movement of credits, and what the fold must remember. No row can be written that makes or loses a credit.
CREATE TABLE journal (
  log text NOT NULL,
  position bigint NOT NULL,
  pool_name text NOT NULL,
  entry uuid NOT NULL,
  market_id uuid,
  bet_id uuid,
  kind text NOT NULL,
  issuance bigint NOT NULL,
  available bigint NOT NULL,
  escrow bigint NOT NULL,
  house bigint NOT NULL,
  PRIMARY KEY (position, log),
  CONSTRAINT journal_zero_sum CHECK (issuance + available + escrow + house = 0),
  CONSTRAINT journal_escrow_of_a_market CHECK ((market_id IS NULL) = (escrow = 0)),
  CONSTRAINT journal_kinds CHECK (CASE kind
    WHEN 'granted' THEN issuance <= 0 AND house = 0 AND bet_id IS NULL AND market_id IS NULL
    WHEN 'bought_back' THEN issuance <= 0 AND house = 0 AND bet_id IS NULL AND market_id IS NULL
    WHEN 'staked' THEN escrow > 0 AND issuance = 0 AND house = 0 AND bet_id IS NOT NULL
    WHEN 'won' THEN escrow < 0 AND issuance = 0 AND house <= 0 AND bet_id IS NOT NULL
    WHEN 'lost' THEN escrow < 0 AND issuance = 0 AND available = 0 AND bet_id IS NOT NULL
    WHEN 'returned' THEN escrow < 0 AND issuance = 0 AND house = 0 AND bet_id IS NOT NULL
    WHEN 'corrected' THEN escrow = 0 AND issuance = 0 AND bet_id IS NOT NULL
    ELSE false END)
);
CREATE INDEX journal_by_log ON journal (log);

CREATE TABLE journal_pools (
  log text NOT NULL,
  entry uuid NOT NULL,
  pool_name text NOT NULL,
  PRIMARY KEY (entry, log)
);
CREATE INDEX journal_pools_by_log ON journal_pools (log);

CREATE TABLE journal_stakes (
  log text NOT NULL,
  bet_id uuid NOT NULL,
  market_id uuid NOT NULL,
  stake bigint NOT NULL CHECK (stake > 0),
  PRIMARY KEY (bet_id, log)
);
CREATE INDEX journal_stakes_by_log ON journal_stakes (log);

-- Signed lines by account name, two or three to a movement.
CREATE VIEW journal_lines AS
SELECT j.log, j.position, j.kind, line.account, line.amount
FROM journal j
CROSS JOIN LATERAL (VALUES
  ('issuance:' || j.pool_name, j.issuance),
  ('entry:' || j.entry, j.available),
  ('escrow:' || j.pool_name || ':' || j.market_id, j.escrow),
  ('house:' || j.pool_name, j.house)
) AS line (account, amount)
WHERE line.amount <> 0;
GRANT SELECT, INSERT, UPDATE, DELETE ON journal, journal_pools, journal_stakes TO fairpool_service;
GRANT SELECT ON journal_lines TO fairpool_service;

-- name: trial_balance
-- The four balances of each pool of a log, up to a position.
SELECT pool_name, sum(issuance)::bigint AS issuance, sum(available)::bigint AS available,
  sum(escrow)::bigint AS escrow, sum(house)::bigint AS house
FROM journal
WHERE log = %(log)s AND (%(until)s::bigint IS NULL OR position <= %(until)s)
GROUP BY pool_name ORDER BY length(pool_name), pool_name COLLATE "C"

-- name: escrow
-- What is in escrow for each market of each pool of a log, up to a position.
SELECT pool_name, market_id, sum(escrow)::bigint AS escrow
FROM journal
WHERE log = %(log)s AND market_id IS NOT NULL AND (%(until)s::bigint IS NULL OR position <= %(until)s)
GROUP BY pool_name, market_id ORDER BY length(pool_name), pool_name COLLATE "C", market_id
