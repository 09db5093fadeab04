-- name: alone
-- Lets one command archive or restore at a time, until its connection ends; false where another one does.
SELECT pg_try_advisory_lock(hashtext('fairpool.archives'))

-- name: release
-- Notes that a log is archived, and drops its events.
SELECT release_log(%(log)s, %(size)s, %(root)s, %(manifest_sha256)s, %(seed)s, %(at)s, %(by)s)

-- name: stage
-- Makes the table that takes in a log's events.
SELECT stage_log()

-- name: fill
-- Takes in events, in the binary format.
COPY events_restored (originator_id, originator_version, topic, state, notification_id, log, schema, recorded_at,
                      actor, request, cause) FROM STDIN (FORMAT BINARY)

-- name: take_back
-- Makes the staged table the log's partition, and notes that the log is back.
SELECT take_back_log(%(log)s, %(size)s, %(root)s, %(recorded_at)s, %(manifest_sha256)s, %(seed)s, %(at)s)
