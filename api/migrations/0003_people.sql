-- What people decide about themselves, and what operators may know about them and do. All of it goes with the person.

ALTER TABLE players
  ADD COLUMN date_of_birth date,
  ADD COLUMN jurisdiction text CHECK (jurisdiction ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$');
GRANT UPDATE (date_of_birth, jurisdiction) ON players TO fairpool_service;

CREATE TABLE restrictions (
  id uuid PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('cool_off', 'self_exclusion', 'suspension')),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz CHECK (ends_at > starts_at),
  reason text NOT NULL,
  placed_by text NOT NULL,
  request text NOT NULL,
  lifted_at timestamptz,
  lifted_by text,
  UNIQUE (player_id, placed_by, request),
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
  CONSTRAINT only_suspensions_are_lifted CHECK (lifted_at IS NULL OR kind = 'suspension')
);
CREATE INDEX restrictions_to_come ON restrictions (player_id, ends_at DESC NULLS FIRST) WHERE lifted_at IS NULL;
COMMENT ON COLUMN restrictions.ends_at IS 'Null for good, or until it is lifted.';
COMMENT ON COLUMN restrictions.request IS 'The key of the request: the same one again is the same restriction.';
GRANT SELECT, INSERT ON restrictions TO fairpool_service;
GRANT UPDATE (lifted_at, lifted_by) ON restrictions TO fairpool_service;

-- Who erases an account does not get rid of its restrictions: they are kept under a keyed hash of the e-mail address,
-- which says nothing about the person, and meet whoever signs up with that address again.
CREATE TABLE restrictions_of_the_erased (
  address_hash bytea NOT NULL,
  kind text NOT NULL,
  ends_at timestamptz
);
CREATE INDEX restrictions_of_the_erased_by_address ON restrictions_of_the_erased (address_hash);
GRANT SELECT, INSERT, DELETE ON restrictions_of_the_erased TO fairpool_service;

CREATE TABLE spend_limits (
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  period text NOT NULL CHECK (period IN ('weekly', 'monthly')),
  cents bigint CHECK (cents >= 0),
  next_cents bigint CHECK (next_cents >= 0),
  next_from timestamptz,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  PRIMARY KEY (player_id, period)
);
COMMENT ON COLUMN spend_limits.cents IS 'Null for no limit. next_cents follows it at next_from, where that is set.';
GRANT SELECT, INSERT, UPDATE ON spend_limits TO fairpool_service;

CREATE TABLE devices (
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  device bytea NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  PRIMARY KEY (player_id, device)
);
COMMENT ON COLUMN devices.device IS 'A keyed hash of what the app called its device.';
CREATE INDEX devices_by_device ON devices (device);
CREATE INDEX devices_by_last_seen ON devices (last_seen);
GRANT SELECT, INSERT, UPDATE, DELETE ON devices TO fairpool_service;

-- What operators looked at and did. The service can add to it, and change nothing.
CREATE TABLE people_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  operator_id uuid NOT NULL,
  act text NOT NULL,
  reason text,
  request_id text NOT NULL,
  at timestamptz NOT NULL
);
COMMENT ON COLUMN people_log.operator_id IS 'No reference: what an operator did is on record after the operator left.';
CREATE INDEX people_log_by_player ON people_log (player_id, id);
GRANT SELECT, INSERT ON people_log TO fairpool_service;

-- Operators page through players in the order in which they signed up.
CREATE INDEX players_by_creation ON players (created_at, id);
