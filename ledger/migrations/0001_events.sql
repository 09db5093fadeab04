-- The event store: one append-only table partitioned by log, one head row per log, one function that appends.

-- The service runs as this role. It selects and inserts events; it can never change or delete one.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fairpool_service') THEN
    CREATE ROLE fairpool_service NOLOGIN;
  END IF;
  EXECUTE format('GRANT fairpool_service TO %I', current_user);
END $$;

-- One row per log. Whoever appends locks it, which makes positions gapless and equal to the order of commits.
CREATE TABLE heads (
  log text PRIMARY KEY CHECK (log ~ '^(office|\d{4}-W\d{2}(\.c\d+)?)$'),
  position bigint NOT NULL DEFAULT 0,
  recorded_at timestamptz NOT NULL DEFAULT 'epoch'
) WITH (fillfactor = 20);

-- The first five columns are the library's; a partition is all that the library ever sees.
-- The log stands last in the keys: the library's queries name no log, and would scan behind a leading one.
CREATE TABLE events (
  originator_id uuid NOT NULL,
  originator_version bigint NOT NULL CHECK (originator_version > 0),
  topic text NOT NULL,
  state bytea NOT NULL,
  notification_id bigint NOT NULL CHECK (notification_id > 0),
  log text NOT NULL,
  schema smallint NOT NULL,
  recorded_at timestamptz NOT NULL,
  actor text NOT NULL,
  request text NOT NULL,
  cause text,
  PRIMARY KEY (notification_id, log),
  UNIQUE (originator_id, originator_version, log)
) PARTITION BY LIST (log);

-- The few events that whole-log readers look up by topic: weeks, games, entries, results. Movements of credits,
-- which are nearly all there is, stay out, so that a stake pays for two indexes only.
CREATE INDEX events_by_topic ON events (topic, notification_id)
  WHERE topic NOT LIKE 'account.%' OR topic = 'account.opened';

CREATE FUNCTION refuse_to_change_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events are append-only: % on % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'Correct by appending a compensating event.';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_to_change_events();
CREATE TRIGGER never_truncate BEFORE TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_events();
ALTER TABLE events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE events ENABLE ALWAYS TRIGGER never_truncate;

-- Creates a log's partition and head row; opening it again changes nothing. Runs with its owner's rights, because
-- the service may not create tables.
CREATE FUNCTION open_log(p_log text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_partition text := 'events_' || translate(lower(p_log), '-.', '__');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('fairpool.open_log'));
  IF EXISTS (SELECT FROM heads WHERE log = p_log) THEN
    RETURN;
  END IF;
  INSERT INTO heads (log) VALUES (p_log);
  EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES IN (%L)', v_partition, p_log);
  EXECUTE format('CREATE TRIGGER never_truncate BEFORE TRUNCATE ON %I
                  FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_events()', v_partition);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', v_partition);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_truncate', v_partition);
  EXECUTE format('GRANT SELECT, INSERT ON %I TO fairpool_service', v_partition);
END $$;
REVOKE ALL ON FUNCTION open_log FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_log TO fairpool_service;

-- Appends the groups of a batch that are still true, all in one transaction, and says which it left out.
--
-- Events come as parallel arrays. A group is a set of commands that stand or fall together; p_behind_* names the
-- streams that each group was decided on, and p_before_* the instant before which a group must be recorded.
-- p_known is the position up to which the caller has seen the log. p_rows are rows to write in the same transaction,
-- [{"group": 1, "table": "entries", "row": {…}}, …]: a row that is there already is told by its number, 1, 2, …, and
-- its group is left out.
--
-- Every statement here has a snapshot of its own, taken after the head is locked; in a single statement the snapshot
-- would predate the wait for the lock, and what committed meanwhile would stay unseen.
CREATE FUNCTION append(
  p_log text, p_known bigint, p_now timestamptz,
  p_groups int[], p_streams uuid[], p_versions bigint[], p_topics text[], p_schemas smallint[], p_states bytea[],
  p_actors text[], p_requests text[], p_causes text[],
  p_behind_groups int[], p_behind_streams uuid[], p_before_groups int[], p_before timestamptz[], p_rows jsonb,
  OUT base bigint, OUT recorded_at timestamptz, OUT left_out int[], OUT rows_refused int[]
) LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  v_row jsonb;
  v_number int;
  v_count bigint;
BEGIN
  IF cardinality(p_groups) > 0 THEN
    SELECT h.position, h.recorded_at INTO base, recorded_at FROM heads h WHERE h.log = p_log FOR UPDATE;
  ELSE
    SELECT h.position, h.recorded_at INTO base, recorded_at FROM heads h WHERE h.log = p_log;
  END IF;
  IF base IS NULL THEN
    RAISE EXCEPTION 'log % is not open', p_log USING ERRCODE = 'no_data_found';
  END IF;
  IF base < p_known THEN
    RAISE EXCEPTION 'log % ends at %, the caller has seen %', p_log, base, p_known
      USING ERRCODE = 'data_exception', HINT = 'This is not the database that was read: start the service again.';
  END IF;
  recorded_at := greatest(recorded_at, p_now);
  left_out := '{}';
  rows_refused := '{}';

  IF base > p_known THEN
    SELECT coalesce(array_agg(DISTINCT b.grp), '{}') INTO left_out
    FROM unnest(p_behind_groups, p_behind_streams) AS b(grp, stream)
    WHERE b.stream IN (
      SELECT e.originator_id FROM events e
      WHERE e.log = p_log AND e.notification_id > p_known AND e.notification_id <= base);
  END IF;
  IF cardinality(p_before) > 0 THEN
    left_out := left_out || ARRAY(
      SELECT b.grp FROM unnest(p_before_groups, p_before) AS b(grp, before) WHERE b.before <= recorded_at);
  END IF;
  -- A group's rows are written all or none: one that is there already undoes the pass, and the next does without.
  WHILE p_rows <> '[]' LOOP
    BEGIN
      FOR v_row, v_number IN SELECT r.value, r.number FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS r(value, number)
      LOOP
        CONTINUE WHEN (v_row ->> 'group')::int = ANY (left_out);
        EXECUTE format('INSERT INTO %I SELECT * FROM jsonb_populate_record(NULL::%I, $1) ON CONFLICT DO NOTHING',
                       v_row ->> 'table', v_row ->> 'table') USING v_row -> 'row';
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF v_count = 0 THEN
          rows_refused := rows_refused || v_number;
          left_out := left_out || (v_row ->> 'group')::int;
          RAISE EXCEPTION 'row % is there already', v_number USING ERRCODE = 'FP001';
        END IF;
      END LOOP;
      EXIT;
    EXCEPTION WHEN SQLSTATE 'FP001' THEN
      NULL;
    END;
  END LOOP;
  IF cardinality(p_groups) = 0 THEN
    RETURN;
  END IF;

  -- A caller whose cache ran ahead of the log would store a stream with a hole: refuse the whole batch.
  IF EXISTS (
    SELECT FROM (SELECT u.stream, min(u.version) AS first FROM unnest(p_groups, p_streams, p_versions) AS u(grp, stream, version)
                 WHERE u.grp <> ALL (left_out) GROUP BY u.stream) s
    WHERE s.first > 1 AND NOT EXISTS (
      SELECT FROM events e
      WHERE e.log = p_log AND e.originator_id = s.stream AND e.originator_version = s.first - 1)
  ) THEN
    RAISE EXCEPTION 'log %: a stream of the batch does not continue what is stored', p_log
      USING ERRCODE = 'data_exception', HINT = 'Drop the cache and decide again.';
  END IF;

  INSERT INTO events (originator_id, originator_version, topic, state, notification_id, log, schema, recorded_at,
                      actor, request, cause)
  SELECT u.stream, u.version, u.topic, u.state, base + row_number() OVER (ORDER BY u.place), p_log, u.schema,
         append.recorded_at, u.actor, u.request, nullif(u.cause, '')
  FROM unnest(p_groups, p_streams, p_versions, p_topics, p_schemas, p_states, p_actors, p_requests, p_causes)
       WITH ORDINALITY AS u(grp, stream, version, topic, schema, state, actor, request, cause, place)
  WHERE u.grp <> ALL (left_out)
  ORDER BY u.place;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 0 THEN
    UPDATE heads h SET position = base + v_count, recorded_at = append.recorded_at WHERE h.log = p_log;
  END IF;
END $$;

-- The only link from a person to the ledger: written with the enrolment, erased with the person.
CREATE TABLE entries (
  player_id uuid NOT NULL,
  week text NOT NULL,
  entry uuid NOT NULL UNIQUE,
  PRIMARY KEY (player_id, week)
);

REVOKE ALL ON events, heads, entries FROM PUBLIC;
GRANT SELECT, INSERT ON events TO fairpool_service;
GRANT SELECT, UPDATE ON heads TO fairpool_service;
GRANT SELECT, INSERT, DELETE ON entries TO fairpool_service;
