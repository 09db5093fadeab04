-- name: schema
-- One row per account, and one per open bet.
CREATE TABLE accounts (
  log text NOT NULL,
  entry uuid NOT NULL,
  pool_id uuid NOT NULL,
  pool_name text NOT NULL,
  position bigint NOT NULL,
  available bigint NOT NULL,
  at_stake bigint NOT NULL,
  potential bigint NOT NULL,
  open_bets integer NOT NULL,
  granted bigint NOT NULL,
  bought_back bigint NOT NULL,
  PRIMARY KEY (entry, log)
) WITH (fillfactor = 70);
CREATE INDEX accounts_by_log ON accounts (log);
CREATE INDEX accounts_by_pool ON accounts (pool_id);

CREATE TABLE account_stakes (
  log text NOT NULL,
  bet_id uuid NOT NULL,
  stake bigint NOT NULL,
  potential_payout bigint NOT NULL,
  PRIMARY KEY (bet_id, log)
);
CREATE INDEX account_stakes_by_log ON account_stakes (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, account_stakes TO fairpool_service;

-- name: account
-- The account of an entry.
SELECT * FROM accounts WHERE entry = %(entry)s

-- name: members
-- The accounts of a pool.
SELECT * FROM accounts WHERE pool_id = %(pool_id)s ORDER BY entry
