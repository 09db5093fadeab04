-- Signed checkpoints of the logs. What was signed stands: the service adds to them, and nobody changes one.

CREATE TABLE checkpoints (
  log text NOT NULL,
  size bigint NOT NULL CHECK (size > 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  note text NOT NULL,
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (log, size)
);
COMMENT ON COLUMN checkpoints.size IS 'How many events of the log are under the root: the position of the last.';
COMMENT ON COLUMN checkpoints.note IS 'The signed note: origin, size and root, and who signed them.';

CREATE FUNCTION refuse_to_change_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'checkpoints are append-only: % on % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'What was signed is in the hands of others already.';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON checkpoints
  FOR EACH ROW EXECUTE FUNCTION refuse_to_change_checkpoints();
CREATE TRIGGER never_truncate BEFORE TRUNCATE ON checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_checkpoints();

REVOKE ALL ON checkpoints FROM PUBLIC;
GRANT SELECT, INSERT ON checkpoints TO fairpool_service;
