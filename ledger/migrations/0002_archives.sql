-- Archives: weeks whose events have left the database as an export, and how they leave and come back.

-- A row stays when its log comes back: what was sealed is never anything else. Only the database's owner writes here.
CREATE TABLE archives (
  log text PRIMARY KEY,
  size bigint NOT NULL CHECK (size > 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  recorded_at timestamptz NOT NULL,
  manifest_sha256 text NOT NULL CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
  seed text NOT NULL CHECK (seed ~ '^[0-9a-f]{64}$'),
  archived_at timestamptz,
  archived_by text,
  restored_at timestamptz,
  times integer NOT NULL CHECK (times >= 0),
  CHECK (archived_at IS NOT NULL OR restored_at IS NOT NULL)
);
COMMENT ON COLUMN archives.recorded_at IS 'When the last event was recorded.';
COMMENT ON COLUMN archives.seed IS 'What the draw revealed: the commitment of the week after it.';
COMMENT ON COLUMN archives.archived_at IS 'Null where the log came from another database, and has not left this one.';
COMMENT ON COLUMN archives.restored_at IS 'Null while the log is away.';
COMMENT ON COLUMN archives.times IS 'How often the log has left this database.';
REVOKE ALL ON archives FROM PUBLIC;
GRANT SELECT ON archives TO fairpool_service;

-- As before, but for a log that is away: an empty one must not take its place.
CREATE OR REPLACE FUNCTION open_log(p_log text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_partition text := 'events_' || translate(lower(p_log), '-.', '__');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('fairpool.open_log'));
  IF EXISTS (SELECT FROM heads WHERE log = p_log) THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM archives WHERE log = p_log AND restored_at IS NULL) THEN
    RAISE EXCEPTION 'log % is archived', p_log USING ERRCODE = 'no_data_found';
  END IF;
  INSERT INTO heads (log) VALUES (p_log);
  EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES IN (%L)', v_partition, p_log);
  EXECUTE format('CREATE TRIGGER never_truncate BEFORE TRUNCATE ON %I
                  FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_events()', v_partition);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', v_partition);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_truncate', v_partition);
  EXECUTE format('GRANT SELECT, INSERT ON %I TO fairpool_service', v_partition);
END $$;

-- Lets a sealed log go: its row in archives, its partition and its head, all or nothing. Only the owner of the events
-- can call it. To detach takes the table of all events for a moment, and whoever comes then waits behind it: so it
-- gives up soon, with lock_not_available, and is called again.
CREATE FUNCTION release_log(
  p_log text, p_size bigint, p_root bytea, p_manifest_sha256 text, p_seed text, p_at timestamptz, p_by text
) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  v_partition text := 'events_' || translate(lower(p_log), '-.', '__');
  v_head heads;
BEGIN
  -- The head first, as whoever appends does.
  SELECT * INTO v_head FROM heads WHERE log = p_log FOR UPDATE;
  IF v_head.position IS DISTINCT FROM p_size THEN
    RAISE EXCEPTION 'log % ends at %, and % events were exported', p_log, v_head.position, p_size
      USING ERRCODE = 'data_exception';
  END IF;
  INSERT INTO archives AS a (log, size, root, recorded_at, manifest_sha256, seed, archived_at, archived_by, times)
  VALUES (p_log, p_size, p_root, v_head.recorded_at, p_manifest_sha256, p_seed, p_at, p_by, 1)
  ON CONFLICT (log) DO UPDATE
  SET manifest_sha256 = excluded.manifest_sha256, archived_at = excluded.archived_at,
      archived_by = excluded.archived_by, restored_at = NULL, times = a.times + 1
  WHERE a.size = excluded.size AND a.root = excluded.root;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'log % was archived before, with another size or root', p_log USING ERRCODE = 'data_exception';
  END IF;
  DELETE FROM heads WHERE log = p_log;
  EXECUTE format('ALTER TABLE events DETACH PARTITION %I', v_partition);
  EXECUTE format('DROP TABLE %I', v_partition);
END $$;
REVOKE ALL ON FUNCTION release_log FROM PUBLIC;

-- Makes the table that takes in the events of a log which comes back; nobody sees it until it is attached.
CREATE FUNCTION stage_log() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  CREATE TABLE events_restored (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
END $$;
REVOKE ALL ON FUNCTION stage_log FROM PUBLIC;

-- Makes the staged table the partition of a log again, with all that `open_log` gives it, and notes that it is back.
-- Indexes and the row trigger come with the attachment, which keeps nobody from reading or appending.
CREATE FUNCTION take_back_log(
  p_log text, p_size bigint, p_root bytea, p_recorded_at timestamptz, p_manifest_sha256 text, p_seed text,
  p_at timestamptz
) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  v_partition text := 'events_' || translate(lower(p_log), '-.', '__');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('fairpool.open_log'));
  INSERT INTO heads (log, position, recorded_at) VALUES (p_log, p_size, p_recorded_at);
  INSERT INTO archives AS a (log, size, root, recorded_at, manifest_sha256, seed, restored_at, times)
  VALUES (p_log, p_size, p_root, p_recorded_at, p_manifest_sha256, p_seed, p_at, 0)
  ON CONFLICT (log) DO UPDATE SET restored_at = excluded.restored_at
  WHERE a.size = excluded.size AND a.root = excluded.root AND a.restored_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'log % was archived with another size or root', p_log USING ERRCODE = 'data_exception';
  END IF;
  EXECUTE format('ALTER TABLE events_restored RENAME TO %I', v_partition);
  EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES IN (%L)', v_partition, p_log);
  EXECUTE format('CREATE TRIGGER never_truncate BEFORE TRUNCATE ON %I
                  FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_events()', v_partition);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', v_partition);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_truncate', v_partition);
  EXECUTE format('GRANT SELECT, INSERT ON %I TO fairpool_service', v_partition);
END $$;
REVOKE ALL ON FUNCTION take_back_log FROM PUBLIC;
