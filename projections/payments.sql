-- name: schema
-- Payments and the payments of prizes, which the office's log has, and purchases and prizes, which a week's has.
CREATE TABLE payments (
  log text NOT NULL,
  payment_id uuid NOT NULL,
  kind text NOT NULL,
  week text,
  entry uuid,
  amount_cents bigint NOT NULL,
  currency text NOT NULL,
  opened_at timestamptz NOT NULL,
  position bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'paid', 'expired', 'failed')),
  paid_at timestamptz,
  refunded_cents bigint NOT NULL,
  refunded_at timestamptz,
  dispute text CHECK (dispute IN ('open', 'won', 'lost')),
  disputed_at timestamptz,
  PRIMARY KEY (payment_id, log)
) WITH (fillfactor = 70);
CREATE INDEX payments_by_week ON payments (week) WHERE week IS NOT NULL;
CREATE INDEX payments_open ON payments (opened_at, payment_id) WHERE status = 'open';
CREATE INDEX payments_refunded ON payments (payment_id) WHERE refunded_cents >= amount_cents;

CREATE TABLE purchases (
  log text NOT NULL,
  payment_id uuid NOT NULL,
  week text NOT NULL,
  kind text NOT NULL,
  entry uuid,
  verdict text NOT NULL CHECK (verdict IN ('accepted', 'refused')),
  reason text,
  decided_at timestamptz NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (payment_id, log)
);
CREATE INDEX purchases_by_log ON purchases (log);
CREATE INDEX purchases_by_week ON purchases (week, payment_id);
CREATE INDEX purchases_refused ON purchases (payment_id) WHERE verdict = 'refused';

CREATE TABLE purchase_counts (
  log text NOT NULL,
  week text NOT NULL,
  paid integer NOT NULL,
  decided integer NOT NULL,
  PRIMARY KEY (week, log)
) WITH (fillfactor = 50);

CREATE TABLE used_passes (
  log text NOT NULL,
  registration uuid NOT NULL,
  payment_id uuid NOT NULL,
  PRIMARY KEY (registration, log)
);
CREATE INDEX used_passes_by_log ON used_passes (log);

CREATE TABLE withdrawn_passes (
  log text NOT NULL,
  payment_id uuid NOT NULL,
  PRIMARY KEY (payment_id, log)
);

CREATE TABLE prizes (
  log text NOT NULL,
  entry uuid NOT NULL,
  week text NOT NULL,
  rank integer NOT NULL,
  amount_cents bigint NOT NULL,
  currency text NOT NULL,
  awarded_at timestamptz NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (entry, log)
);
CREATE INDEX prizes_by_log ON prizes (log);
CREATE INDEX prizes_by_week ON prizes (week);

CREATE TABLE prize_payments (
  log text NOT NULL,
  prize_id uuid NOT NULL,
  entry uuid NOT NULL,
  week text NOT NULL,
  amount_cents bigint NOT NULL,
  currency text NOT NULL,
  changed_at timestamptz NOT NULL,
  position bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('owed', 'held', 'failed', 'paid')),
  reason text,
  why text,
  attempt integer NOT NULL,
  paid_at timestamptz,
  PRIMARY KEY (prize_id, log)
);
CREATE UNIQUE INDEX prize_payments_by_entry ON prize_payments (entry, log);

-- A prize is owed from when it is awarded: the office's log speaks of it only when something has come of that.
-- LIMIT 1, here and below, keeps the planner from reading a whole table of a million rows instead of a few by key.
CREATE VIEW prize_standings AS
SELECT z.entry, z.week, a.pool_id, a.pool_name, z.rank, z.amount_cents, z.currency, z.awarded_at,
  coalesce(p.state, 'owed') AS state, p.reason, p.why, coalesce(p.attempt, 0) AS attempt, p.paid_at, p.changed_at
FROM prizes z
LEFT JOIN prize_payments p ON p.entry = z.entry
CROSS JOIN LATERAL (SELECT pool_id, pool_name FROM accounts WHERE entry = z.entry AND log = z.log LIMIT 1) a;
GRANT SELECT, INSERT, UPDATE, DELETE
  ON payments, purchases, purchase_counts, used_passes, withdrawn_passes, prizes, prize_payments TO fairpool_service;
GRANT SELECT ON prize_standings TO fairpool_service;

-- name: payment
-- A payment by id.
SELECT * FROM payments WHERE payment_id = %(payment_id)s

-- name: payments
-- Some payments by id.
SELECT * FROM payments WHERE payment_id = ANY (%(payment_ids)b) ORDER BY payment_id

-- name: payments_of_week
-- The payments for a week.
SELECT * FROM payments WHERE week = %(week)s ORDER BY payment_id

-- name: payments_page
-- Payments behind a place with what became of them, newest first; read back, those before it, oldest first.
SELECT p.payment_id, p.kind, p.week, coalesce(p.entry, d.entry) AS entry, p.amount_cents, p.currency, p.opened_at,
  p.status, p.paid_at, p.refunded_cents, p.refunded_at, p.dispute, d.verdict, d.reason
FROM payments p LEFT JOIN purchases d ON d.payment_id = p.payment_id
WHERE (%(week)s::text IS NULL OR p.week = %(week)s)
  AND (NOT %(is_owed)s OR (d.verdict = 'refused' AND p.status = 'paid' AND p.refunded_cents < p.amount_cents))
  AND (%(opened_at)s::timestamptz IS NULL
    OR CASE WHEN %(is_back)s
      THEN (p.opened_at, p.payment_id) > (%(opened_at)s, %(payment_id)s::uuid)
      ELSE (p.opened_at, p.payment_id) < (%(opened_at)s, %(payment_id)s::uuid)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN p.opened_at END, CASE WHEN %(is_back)s THEN p.payment_id END,
  p.opened_at DESC, p.payment_id DESC
LIMIT %(limit)s

-- name: open_disputes
-- Those of some payments whose money a dispute keeps, or took, from us.
SELECT * FROM payments WHERE payment_id = ANY (%(payment_ids)b) AND dispute IN ('open', 'lost') ORDER BY payment_id

-- name: to_fulfil
-- Paid payments for a week that are not decided. Only weeks that lack a decision, by their counts, are looked through.
SELECT p.*
FROM (SELECT week FROM purchase_counts GROUP BY week HAVING sum(paid) > sum(decided)) w
CROSS JOIN LATERAL (
  SELECT * FROM payments
  WHERE week = w.week AND kind IN ('weekly_pass', 'buy_back') AND status = 'paid' AND refunded_cents < amount_cents
    AND (paid_at, payment_id) > (%(after_time)s, %(after_id)s)
    AND NOT EXISTS (SELECT FROM purchases d WHERE d.week = w.week AND d.payment_id = payments.payment_id)
  ORDER BY paid_at, payment_id LIMIT %(limit)s
) p
ORDER BY p.paid_at, p.payment_id LIMIT %(limit)s

-- name: to_refund
-- Paid payments that were refused and are not all given back; not while a dispute is open, nor after it was lost.
SELECT p.*
FROM (
  SELECT payment_id FROM purchases d
  WHERE verdict = 'refused' AND NOT EXISTS (
    SELECT FROM payments r WHERE r.payment_id = d.payment_id AND r.refunded_cents >= r.amount_cents)
) d
CROSS JOIN LATERAL (
  SELECT * FROM payments
  WHERE payment_id = d.payment_id AND status = 'paid' AND refunded_cents < amount_cents
    AND (dispute IS NULL OR dispute = 'won')
    AND (paid_at, payment_id) > (%(after_time)s, %(after_id)s)
  LIMIT 1
) p
ORDER BY p.paid_at, p.payment_id LIMIT %(limit)s

-- name: withdrawn_passes
-- Payments for passes that were accepted, whose player withdrew, and that are not refused.
SELECT p.* FROM withdrawn_passes w JOIN payments p ON p.payment_id = w.payment_id
WHERE (p.paid_at, p.payment_id) > (%(after_time)s, %(after_id)s)
ORDER BY p.paid_at, p.payment_id LIMIT %(limit)s

-- name: still_open
-- Payments whose checkout was opened before a time, and of which no end is known.
SELECT * FROM payments
WHERE status = 'open' AND opened_at < %(before)s AND (opened_at, payment_id) > (%(after_time)s, %(after_id)s)
ORDER BY opened_at, payment_id LIMIT %(limit)s

-- name: purchases_of_week
-- What became of a week's paid payments.
SELECT * FROM purchases WHERE week = %(week)s ORDER BY payment_id

-- name: prize
-- The prize of an entry.
SELECT * FROM prize_standings WHERE entry = %(entry)s

-- name: prizes_of
-- The prizes of some entries.
SELECT * FROM prize_standings WHERE entry = ANY (%(entries)b) ORDER BY awarded_at, entry

-- name: prizes_of_week
-- The prizes of a week.
SELECT * FROM prize_standings WHERE week = %(week)s ORDER BY awarded_at, entry

-- name: open_prizes
-- The prizes that are not paid.
SELECT * FROM prize_standings WHERE state <> 'paid' AND (awarded_at, entry) > (%(after_time)s, %(after_id)s)
ORDER BY awarded_at, entry LIMIT %(limit)s

-- name: prizes_page
-- Prizes behind a place, newest first; read back, those before it, oldest first.
SELECT * FROM prize_standings
WHERE (%(week)s::text IS NULL OR week = %(week)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(awarded_at)s::timestamptz IS NULL
    OR CASE WHEN %(is_back)s
      THEN (awarded_at, entry) > (%(awarded_at)s, %(entry)s::uuid)
      ELSE (awarded_at, entry) < (%(awarded_at)s, %(entry)s::uuid)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN awarded_at END, CASE WHEN %(is_back)s THEN entry END,
  awarded_at DESC, entry DESC
LIMIT %(limit)s

-- name: prize_totals
-- How many prizes of a week are in each state, and how much they are together.
SELECT state, currency, count(*) AS number, sum(amount_cents)::bigint AS amount_cents
FROM prize_standings WHERE week = %(week)s GROUP BY state, currency ORDER BY state, currency

-- name: paid_cents
-- What some entries were paid in a span of time.
SELECT coalesce(sum(amount_cents), 0)::bigint AS paid FROM prize_payments
WHERE entry = ANY (%(entries)b) AND state = 'paid' AND paid_at >= %(since)s AND paid_at < %(until)s
