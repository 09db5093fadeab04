-- What is known of payments outside the ledger: who pays, the provider's names of things, and what it told us.

-- Payments are facts of the office, whose book is open from the beginning.
SELECT open_log('office');

-- Who pays. The ledger knows a payment, and nobody behind it; with the person the link is gone.
CREATE TABLE payers (
  payment_id uuid PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  request text,
  kind text NOT NULL,
  week text,
  amount_cents bigint NOT NULL,
  currency text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  checkout_url text,
  receipt_url text,
  UNIQUE (player_id, request)
);
COMMENT ON COLUMN payers.request IS 'The key of the request: the same one again is the same payment. A renewal is asked for by nobody.';
CREATE INDEX payers_by_time ON payers (player_id, created_at, payment_id);

-- The provider's names of a payment: needed to refund it, whoever paid.
CREATE TABLE provider_payments (
  payment_id uuid PRIMARY KEY,
  ref text NOT NULL UNIQUE,
  intent_ref text UNIQUE
);
COMMENT ON COLUMN provider_payments.ref IS 'A checkout, or the invoice of a renewal.';

CREATE TABLE subscriptions (
  ref text PRIMARY KEY,
  payment_id uuid NOT NULL UNIQUE,
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  status text NOT NULL,
  ends_at timestamptz,
  withdrew_from text,
  version bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN subscriptions.withdrew_from IS 'The week that its lapse withdrew the player from, who enrols again if it recovers in time.';
CREATE INDEX subscriptions_of_player ON subscriptions (player_id);

-- A subscription goes on at the provider when its player is erased, until it is cancelled there.
CREATE TABLE subscriptions_to_cancel (ref text PRIMARY KEY);
CREATE FUNCTION cancel_subscription_later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO subscriptions_to_cancel (ref) VALUES (OLD.ref) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER cancel_later AFTER DELETE ON subscriptions
  FOR EACH ROW EXECUTE FUNCTION cancel_subscription_later();

-- How winners are paid.
CREATE TABLE payees (
  player_id uuid PRIMARY KEY REFERENCES players (id) ON DELETE CASCADE,
  account_ref text UNIQUE,
  account_is_active boolean NOT NULL DEFAULT false,
  identity_ref text UNIQUE,
  identity_status text CHECK (identity_status IN ('open', 'verified', 'failed')),
  identity_number integer NOT NULL DEFAULT 0,
  tax_form_at timestamptz,
  version bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN payees.tax_form_at IS 'When an operator noted that what the tax office asks for is there.';

-- The provider's messages that were taken: each has its effect once, in the transaction that writes its row.
CREATE TABLE provider_messages (
  event_id text PRIMARY KEY,
  topic text NOT NULL,
  ref text NOT NULL,
  created_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL
);

-- Up to when the provider was asked for messages that did not come.
CREATE TABLE sweeps (
  name text PRIMARY KEY,
  swept_to timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON payers, provider_payments, subscriptions, payees, sweeps TO fairpool_service;
GRANT SELECT, INSERT ON provider_messages TO fairpool_service;
GRANT SELECT, INSERT, DELETE ON subscriptions_to_cancel TO fairpool_service;
