-- name: schema
-- The tables that each projection has, and the generations of them. A generation is a whole set of a projection's
-- tables, in a schema of its own until it goes live; the one that is live stands where readers look.

-- `label` is the projection's name with its version where that is not the first, `home` the schema where readers look.
CREATE TABLE projection_tables (
  label text NOT NULL CHECK (label ~ '^[a-z][a-z_]*(_v[1-9][0-9]*)?$' AND length(label) <= 40),
  home text NOT NULL,
  relation text NOT NULL,
  PRIMARY KEY (label, relation)
);

CREATE TABLE projection_generations (
  label text NOT NULL,
  generation integer NOT NULL CHECK (generation > 0),
  state text NOT NULL CHECK (state IN ('asked', 'building', 'live', 'kept')),
  week text,
  reason text NOT NULL DEFAULT '',
  actor text NOT NULL DEFAULT '',
  request text NOT NULL DEFAULT '',
  tries integer NOT NULL DEFAULT 0,
  error text,
  changed_at timestamptz,
  PRIMARY KEY (label, generation)
);
CREATE UNIQUE INDEX projection_generations_live ON projection_generations (label) WHERE state = 'live';
CREATE UNIQUE INDEX projection_generations_unfinished ON projection_generations (label)
  WHERE state IN ('asked', 'building');

-- Notes which tables a projection has. Migrations call it; the service may not.
CREATE PROCEDURE register_projection(p_label text, p_home text, p_relations text[]) LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM projection_tables WHERE label = p_label;
  INSERT INTO projection_tables (label, home, relation) SELECT p_label, p_home, unnest(p_relations);
END $$;

CREATE FUNCTION generation_schema(p_label text, p_generation integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT format('%s_g%s', p_label, p_generation)
$$;

-- Drops the tables of a generation that is not live; doing it again changes nothing.
CREATE FUNCTION drop_generation(p_label text, p_generation integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_table text;
BEGIN
  IF EXISTS (SELECT FROM projection_generations
             WHERE label = p_label AND generation = p_generation AND state = 'live') THEN
    RAISE EXCEPTION 'generation % of % is live', p_generation, p_label USING ERRCODE = 'object_in_use';
  END IF;
  FOR v_table IN SELECT relation FROM projection_tables WHERE label = p_label LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', generation_schema(p_label, p_generation), v_table);
  END LOOP;
  IF FOUND THEN
    EXECUTE format('DROP SCHEMA IF EXISTS %I', generation_schema(p_label, p_generation));
  END IF;
END $$;

-- Makes the empty tables of a generation, as those of the live one are, with the same names of constraints and the
-- same grants. Indexes beside the keys come when the rows are in (`finish_generation`), which is quicker.
-- Runs with its owner's rights, because the service may not create tables.
CREATE FUNCTION make_generation(p_label text, p_generation integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_schema text := generation_schema(p_label, p_generation);
  v_table record;
  v_part text;
BEGIN
  IF NOT EXISTS (SELECT FROM projection_tables WHERE label = p_label) THEN
    RAISE EXCEPTION 'no tables of % are registered', p_label USING ERRCODE = 'undefined_table';
  END IF;
  PERFORM drop_generation(p_label, p_generation);
  EXECUTE format('CREATE SCHEMA %I', v_schema);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO fairpool_service', v_schema);
  FOR v_table IN
    SELECT c.oid, t.home, t.relation, c.reloptions, c.relacl, c.relowner
    FROM projection_tables t JOIN pg_class c ON c.oid = format('%I.%I', t.home, t.relation)::regclass
    WHERE t.label = p_label
  LOOP
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL EXCLUDING INDEXES)',
                   v_schema, v_table.relation, v_table.home, v_table.relation);
    IF v_table.reloptions IS NOT NULL THEN
      EXECUTE format('ALTER TABLE %I.%I SET (%s)', v_schema, v_table.relation,
                     array_to_string(v_table.reloptions, ', '));
    END IF;
    FOR v_part IN
      SELECT format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
      WHERE conrelid = v_table.oid AND contype IN ('p', 'u', 'x')
    LOOP
      EXECUTE format('ALTER TABLE %I.%I %s', v_schema, v_table.relation, v_part);
    END LOOP;
    FOR v_part IN
      SELECT format('GRANT %s ON %I.%I TO %s', string_agg(a.privilege_type, ', '), v_schema, v_table.relation,
                    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
      FROM aclexplode(v_table.relacl) a WHERE a.grantee <> v_table.relowner GROUP BY a.grantee
    LOOP
      EXECUTE v_part;
    END LOOP;
  END LOOP;
END $$;

-- Makes the indexes that the live tables have beside their keys, and tells the planner what is in the new ones.
-- Doing it again changes nothing.
CREATE FUNCTION finish_generation(p_label text, p_generation integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_schema text := generation_schema(p_label, p_generation);
  v_table record;
  v_definition text;
BEGIN
  FOR v_table IN
    SELECT format('%I.%I', home, relation)::regclass AS live, format('%I.%I', v_schema, relation) AS made
    FROM projection_tables WHERE label = p_label
  LOOP
    FOR v_definition IN
      SELECT regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?\S+ USING ', format(' ON %s USING ', v_table.made))
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indrelid = v_table.live
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
        AND to_regclass(format('%I.%I', v_schema, c.relname)) IS NULL
    LOOP
      EXECUTE v_definition;
    END LOOP;
    EXECUTE 'ANALYZE ' || v_table.made;
  END LOOP;
END $$;

-- Exchanges the live tables for those of a generation, all at once; what was live is kept. The caller sets lock_timeout:
-- whoever comes meanwhile waits behind us, so we must not wait for long.
--
-- Nobody reads a part of each: all tables are locked before any is moved, and a statement that waits for one finds the
-- tables by name again when it goes on. A view finds its tables by number, so it is made again: first to lock it,
-- before the tables, in the order in which its readers do.
CREATE FUNCTION flip_generation(p_label text, p_generation integer, p_at timestamptz) RETURNS void LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_schema text := generation_schema(p_label, p_generation);
  v_live integer := (SELECT generation FROM projection_generations WHERE label = p_label AND state = 'live');
  v_views text[];
  v_locks text;
  v_statement text;
  v_table record;
BEGIN
  IF NOT EXISTS (SELECT FROM projection_generations WHERE label = p_label AND generation = p_generation
                 AND state IN ('building', 'kept')) THEN
    RAISE EXCEPTION 'generation % of % is not there to go live', p_generation, p_label
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  SELECT coalesce(array_agg(DISTINCT format('CREATE OR REPLACE VIEW %s AS %s', r.ev_class::regclass,
                                            pg_get_viewdef(r.ev_class))), '{}')
  INTO v_views
  FROM projection_tables t
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass
    AND d.refobjid = format('%I.%I', t.home, t.relation)::regclass
  JOIN pg_rewrite r ON r.oid = d.objid
  -- A temporary one, of somebody's session, stays on the rows that it was made on.
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' AND v.relpersistence = 'p'
  WHERE t.label = p_label;
  FOREACH v_statement IN ARRAY v_views LOOP
    EXECUTE v_statement;
  END LOOP;
  SELECT string_agg(format('%I.%I, %I.%I', home, relation, v_schema, relation), ', ' ORDER BY relation)
  INTO v_locks FROM projection_tables WHERE label = p_label;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_locks);

  EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', generation_schema(p_label, v_live));
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO fairpool_service', generation_schema(p_label, v_live));
  FOR v_table IN SELECT home, relation FROM projection_tables WHERE label = p_label LOOP
    IF (SELECT array_agg((attname, atttypid, atttypmod, attnotnull)::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = format('%I.%I', v_table.home, v_table.relation)::regclass AND attnum > 0 AND NOT attisdropped)
       IS DISTINCT FROM
       (SELECT array_agg((attname, atttypid, atttypmod, attnotnull)::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = format('%I.%I', v_schema, v_table.relation)::regclass AND attnum > 0 AND NOT attisdropped) THEN
      RAISE EXCEPTION 'table % of generation % has not the columns of the live one', v_table.relation, p_generation
        USING ERRCODE = 'datatype_mismatch', HINT = 'A release has changed them since: drop the generation and rebuild.';
    END IF;
    EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', v_table.home, v_table.relation,
                   generation_schema(p_label, v_live));
    EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', v_schema, v_table.relation, v_table.home);
  END LOOP;
  FOREACH v_statement IN ARRAY v_views LOOP
    EXECUTE v_statement;
  END LOOP;
  UPDATE projection_generations SET state = 'kept', changed_at = p_at WHERE label = p_label AND state = 'live';
  UPDATE projection_generations SET state = 'live', error = NULL, changed_at = p_at
  WHERE label = p_label AND generation = p_generation;
END $$;

-- Drops the tables of a version that no process runs any more, with all its generations. The owner calls it: the
-- service could take the tables from processes of another release.
CREATE FUNCTION drop_version(p_label text) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp AS $$
DECLARE
  v_generation integer;
  v_table record;
BEGIN
  FOR v_generation IN SELECT generation FROM projection_generations WHERE label = p_label AND state <> 'live' LOOP
    PERFORM drop_generation(p_label, v_generation);
  END LOOP;
  FOR v_table IN SELECT home, relation FROM projection_tables WHERE label = p_label LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', v_table.home, v_table.relation);
  END LOOP;
  FOR v_table IN SELECT DISTINCT home FROM projection_tables WHERE label = p_label AND home <> 'public' LOOP
    EXECUTE format('DROP SCHEMA IF EXISTS %I', v_table.home);
  END LOOP;
  DELETE FROM projection_generations WHERE label = p_label;
  DELETE FROM projection_positions WHERE name = p_label OR name ~ ('^' || p_label || '_g[0-9]+$');
  DELETE FROM projection_tables WHERE label = p_label;
END $$;

REVOKE ALL ON PROCEDURE register_projection FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_generation, make_generation, finish_generation, flip_generation,
  drop_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_generation, make_generation, finish_generation, flip_generation TO fairpool_service;
GRANT SELECT ON projection_tables TO fairpool_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON projection_generations TO fairpool_service;

-- name: schema_2
-- Keys that come when the rows are in: into keys that are there already rows come four times as slowly.

-- Drops the keys of a generation that is empty.
CREATE FUNCTION loosen_generation(p_label text, p_generation integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_key record;
BEGIN
  FOR v_key IN
    SELECT c.conrelid::regclass AS relation, c.conname AS name
    FROM projection_tables t
    JOIN pg_constraint c ON c.contype IN ('p', 'u', 'x')
      AND c.conrelid = format('%I.%I', generation_schema(p_label, p_generation), t.relation)::regclass
    WHERE t.label = p_label
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', v_key.relation, v_key.name);
  END LOOP;
END $$;

-- Gives a generation the keys that the live tables have, where it lacks them. Doing it again changes nothing.
CREATE FUNCTION key_generation(p_label text, p_generation integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp AS $$
DECLARE
  v_key record;
BEGIN
  FOR v_key IN
    SELECT r.made, live.conname AS name, pg_get_constraintdef(live.oid) AS definition
    FROM projection_tables t
    CROSS JOIN LATERAL (
      SELECT format('%I.%I', generation_schema(p_label, p_generation), t.relation)::regclass AS made
    ) AS r
    JOIN pg_constraint live ON live.contype IN ('p', 'u', 'x')
      AND live.conrelid = format('%I.%I', t.home, t.relation)::regclass
    WHERE t.label = p_label
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = r.made AND conname = live.conname)
  LOOP
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', v_key.made, v_key.name, v_key.definition);
  END LOOP;
END $$;

-- What goes live has its keys, whatever release made it: one that knows nothing of these functions makes none.
CREATE FUNCTION require_keys() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  v_keyless text := (
    SELECT min(t.relation) FROM projection_tables t
    WHERE t.label = NEW.label AND NOT EXISTS (
      SELECT FROM pg_constraint WHERE contype = 'p' AND conrelid = format('%I.%I', t.home, t.relation)::regclass));
BEGIN
  IF v_keyless IS NOT NULL THEN
    RAISE EXCEPTION 'table % of generation % has no key', v_keyless, NEW.generation
      USING ERRCODE = 'invalid_table_definition', HINT = 'Drop the generation and rebuild.';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER require_keys BEFORE UPDATE ON projection_generations
  FOR EACH ROW WHEN (NEW.state = 'live' AND OLD.state <> 'live') EXECUTE FUNCTION require_keys();

REVOKE ALL ON FUNCTION loosen_generation, key_generation, require_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loosen_generation, key_generation TO fairpool_service;

-- name: begin
-- Notes the first generation of projections, which is there from the start.
INSERT INTO projection_generations (label, generation, state) SELECT label, 1, 'live'
FROM unnest(%(labels)s::text[]) AS l(label)
WHERE NOT EXISTS (SELECT FROM projection_generations g WHERE g.label = l.label)
ON CONFLICT DO NOTHING

-- name: generations
-- The generations of projections, in order, with how many facts each has taken of how many.
SELECT g.label, g.generation, g.state, g.week, g.reason, g.actor, g.request, g.tries, g.error, g.changed_at,
       coalesce(p.done, 0)::bigint AS done, (SELECT coalesce(sum(position), 0)::bigint FROM heads) AS total
FROM projection_generations g
LEFT JOIN LATERAL (
  SELECT sum(CASE WHEN position = 0 THEN coalesce(parts_facts, 0) ELSE position END) AS done FROM projection_positions
  WHERE name = CASE g.state WHEN 'live' THEN g.label ELSE generation_schema(g.label, g.generation) END
) p ON true
WHERE g.label = ANY (%(labels)s)
ORDER BY g.label, g.generation

-- name: ask
-- Asks for the next generation; one that is asked for already, or under way, is not asked for twice. Of two weeks all
-- are made, and one that has failed is made from its beginning: what it failed of may be in its rows.
INSERT INTO projection_generations AS g (label, generation, state, week, reason, actor, request, changed_at)
SELECT %(label)s, max(generation) + 1, 'asked', %(week)s, %(reason)s, %(actor)s, %(request)s, %(at)s
FROM projection_generations WHERE label = %(label)s
ON CONFLICT (label) WHERE state IN ('asked', 'building')
DO UPDATE SET error = NULL, tries = 0, state = CASE WHEN g.error IS NULL THEN g.state ELSE 'asked' END,
  week = CASE WHEN g.week IS DISTINCT FROM EXCLUDED.week THEN NULL ELSE g.week END

-- name: sign
-- Notes who made a generation what it is, and why.
UPDATE projection_generations SET reason = %(reason)s, actor = %(actor)s, request = %(request)s
WHERE label = %(label)s AND generation = %(generation)s

-- name: start
-- Notes that a generation is being made, for the first time or again.
UPDATE projection_generations SET state = 'building', tries = tries + 1, error = NULL, changed_at = %(at)s
WHERE label = %(label)s AND generation = %(generation)s

-- name: fail
-- Notes why a generation was not finished.
UPDATE projection_generations SET error = %(error)s WHERE label = %(label)s AND generation = %(generation)s

-- name: wanted
-- Whether a generation is still to be made: then there is a row.
SELECT FROM projection_generations WHERE label = %(label)s AND generation = %(generation)s AND error IS NULL

-- name: fits
-- Whether the tables of a generation have the columns of the live ones, which a release may have changed since.
SELECT NOT EXISTS (
  SELECT FROM projection_tables t
  CROSS JOIN LATERAL (VALUES (
    to_regclass(format('%%I.%%I', t.home, t.relation)),
    to_regclass(format('%%I.%%I', generation_schema(t.label, %(generation)s), t.relation))
  )) AS r(live, made)
  WHERE t.label = %(label)s
    AND (SELECT array_agg((attname, atttypid, atttypmod, attnotnull)::text ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = r.live AND attnum > 0 AND NOT attisdropped)
        IS DISTINCT FROM
        (SELECT array_agg((attname, atttypid, atttypmod, attnotnull)::text ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = r.made AND attnum > 0 AND NOT attisdropped)
)

-- name: make
-- Makes the empty tables of a generation.
SELECT make_generation(%(label)s, %(generation)s)

-- name: loosen
-- Drops the keys of the empty tables of a generation.
SELECT loosen_generation(%(label)s, %(generation)s)

-- name: key
-- Makes the keys of a generation.
SELECT key_generation(%(label)s, %(generation)s)

-- name: finish
-- Makes the other indexes of a generation.
SELECT finish_generation(%(label)s, %(generation)s)

-- name: flip
-- Exchanges the live tables for those of a generation.
SELECT flip_generation(%(label)s, %(generation)s, %(at)s)

-- name: drop
-- Drops the tables of a generation.
SELECT drop_generation(%(label)s, %(generation)s)

-- name: forget
-- Forgets a generation that is not live.
DELETE FROM projection_generations WHERE label = %(label)s AND generation = %(generation)s AND state <> 'live'

-- name: versions
-- The labels under which there are tables.
SELECT DISTINCT label FROM projection_tables ORDER BY label

-- name: drop_version
-- Drops the tables of a version.
SELECT drop_version(%(label)s)

-- name: claim
-- Takes a projection for as long as the connection lasts, if nobody else rebuilds it.
SELECT pg_try_advisory_lock(hashtext('fairpool.rebuild'), hashtext(%(label)s))

-- name: release
-- Lets a projection go.
SELECT pg_advisory_unlock(hashtext('fairpool.rebuild'), hashtext(%(label)s))

-- name: watch
-- Keeps tables from being exchanged for as long as the connection lasts, or until they are released.
SELECT pg_advisory_lock_shared(hashtext('fairpool.flip'), hashtext(label)) FROM unnest(%(labels)s::text[]) AS l(label)

-- name: unwatch
-- Lets tables be exchanged again.
SELECT pg_advisory_unlock_shared(hashtext('fairpool.flip'), hashtext(label)) FROM unnest(%(labels)s::text[]) AS l(label)

-- name: exchange
-- Waits until nobody watches the tables of a projection, and keeps others from it until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('fairpool.flip'), hashtext(%(label)s))
