-- How people and programs prove who they are, beyond a password. Of every secret only its SHA-256 is here.

COMMENT ON COLUMN players.email IS 'Stripped and in lower case: two spellings of one address are one player.';
ALTER TABLE players ADD COLUMN email_verified_at timestamptz;
GRANT UPDATE (email_verified_at) ON players TO fairpool_service;

-- A session is one log-in and the line of refresh tokens that followed from it.
CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  user_agent text NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  series bytea NOT NULL UNIQUE,
  token bytea NOT NULL,
  used_token bytea,
  used_at timestamptz,
  salt bytea
);
COMMENT ON COLUMN sessions.series IS 'Hash of what all refresh tokens of the session share.';
COMMENT ON COLUMN sessions.token IS 'Hash of the one refresh token that is good.';
COMMENT ON COLUMN sessions.used_token IS 'Hash of the one before it; `token` was derived from it with `salt` at `used_at`.';
CREATE INDEX sessions_of_player ON sessions (player_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Keys of programs: of services and of auditors, who read more than one person could at a screen.
CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('auditor', 'service')),
  name text NOT NULL,
  scopes text[] NOT NULL,
  secret bytea NOT NULL,
  created_by uuid REFERENCES players (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  expires_at timestamptz
);

-- Codes that were mailed: at most one of a kind to a person, so the newest is the one that counts.
CREATE TABLE proofs (
  player_id uuid NOT NULL REFERENCES players (id) ON DELETE CASCADE,
  purpose text NOT NULL CHECK (purpose IN ('reset_password', 'verify_email')),
  code bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (player_id, purpose)
);
CREATE INDEX proofs_by_expiry ON proofs (expires_at);

-- Which sessions and keys are no more, for as long as an access token or a memory of them could still be about.
CREATE TABLE revocations (
  id uuid PRIMARY KEY,
  revoked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX revocations_by_time ON revocations (revoked_at);

-- However a session or a key goes, also when its player is erased, it leaves its id here, and nothing of the person.
CREATE FUNCTION remember_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revocations (id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER remember_revocation AFTER DELETE ON sessions
  FOR EACH ROW EXECUTE FUNCTION remember_revocation();
CREATE TRIGGER remember_revocation AFTER DELETE ON api_keys
  FOR EACH ROW EXECUTE FUNCTION remember_revocation();

GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, api_keys, proofs TO fairpool_service;
GRANT SELECT, INSERT, DELETE ON revocations TO fairpool_service;
