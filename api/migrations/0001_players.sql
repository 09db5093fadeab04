-- Who people are: everything personal lives here and in `entries`, and can be erased; the ledger knows neither.

CREATE TABLE players (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name text NOT NULL,
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('player', 'operator', 'auditor')),
  created_at timestamptz NOT NULL
);
COMMENT ON COLUMN players.email IS 'Stripped and casefolded: two spellings of one address are one player.';

-- The service can neither change what somebody may do nor take over an address.
GRANT SELECT, INSERT, DELETE ON players TO fairpool_service;
GRANT UPDATE (name, password_hash) ON players TO fairpool_service;

-- Readiness compares what has run with what the release needs.
GRANT SELECT ON migrations TO fairpool_service;
