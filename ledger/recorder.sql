-- name: append
-- Appends a batch in one round trip, by a clock that is right; see the function for what the arrays mean.
SELECT base, recorded_at, left_out, rows_refused FROM require_clock(%(now)s), append(
  %(log)s, %(known)s, %(now)s,
  %(groups)b::int[], %(streams)b::uuid[], %(versions)b::bigint[], %(topics)b::text[], %(schemas)b::smallint[],
  %(states)b::bytea[], %(actors)b::text[], %(requests)b::text[], %(causes)b::text[],
  %(behind_groups)b::int[], %(behind_streams)b::uuid[], %(before_groups)b::int[], %(before)b::timestamptz[],
  %(rows)s::jsonb)

-- name: confirm
-- Commits nothing but a mark: a standby that must have a commit before it is answered has all before it, too.
SELECT pg_logical_emit_message(true, 'fairpool', '')

-- name: hold
-- Locks the head until the transaction ends, so that nobody appends meanwhile. Of a process that stands still while it
-- holds the head, the server ends the session: the others wait for a minute, not for good.
SELECT position, set_config('idle_in_transaction_session_timeout', '60s', true)
FROM heads WHERE log = %(log)s FOR UPDATE

-- name: open_log
-- Creates the log's partition and head row.
SELECT open_log(%(log)s)

-- name: head
-- The position and time of the log's last event; no row where the log is not open.
SELECT position, recorded_at FROM heads WHERE log = %(log)s

-- name: archived
-- Whether the log is archived: then there is a row.
SELECT archived_at FROM archives WHERE log = %(log)s AND restored_at IS NULL

-- name: logs
-- All logs that have begun and are not archived, the office first, then the weeks in order. One that a crash left empty
-- is not there yet.
SELECT log FROM heads WHERE position > 0 ORDER BY log <> 'office', log

-- name: latest
-- When the last event of all logs was recorded; null where there is none.
SELECT max(recorded_at) FROM heads WHERE position > 0

-- name: read
-- Records in order of position.
SELECT log, notification_id, originator_id, originator_version, topic, schema, state, recorded_at, actor, request, cause
FROM events WHERE log = %(log)s AND notification_id > %(after)s AND notification_id <= %(until)s
ORDER BY notification_id LIMIT %(limit)s

-- name: plan_for_all
-- Plans what a cursor reads for all of its rows, and lets those of a part be sorted in memory.
SELECT set_config('cursor_tuple_fraction', '1', true), set_config('work_mem', '64MB', true)

-- name: read_part
-- Records of the streams from one id to another, in order of position.
SELECT log, notification_id, originator_id, originator_version, topic, schema, state, recorded_at, actor, request, cause
FROM events
WHERE log = %(log)s AND notification_id <= %(until)s AND originator_id BETWEEN %(first)s AND %(last)s
ORDER BY notification_id

-- name: read_topics
-- Records of the topics that are looked up for a whole log (see the index events_by_topic).
SELECT log, notification_id, originator_id, originator_version, topic, schema, state, recorded_at, actor, request, cause
FROM events
WHERE log = %(log)s AND topic = ANY (%(topics)s) AND notification_id > %(after)s
  AND (topic NOT LIKE 'account.%%' OR topic = 'account.opened')
ORDER BY notification_id

-- name: read_streams
-- All records of some streams, in the order in which they lie on disk: sorting them by stream took as long as reading.
SELECT log, notification_id, originator_id, originator_version, topic, schema, state, recorded_at, actor, request, cause
FROM events WHERE log = %(log)s AND originator_id = ANY (%(streams)b::uuid[])
ORDER BY notification_id

-- name: read_positions
-- Records at some positions.
SELECT log, notification_id, originator_id, originator_version, topic, schema, state, recorded_at, actor, request, cause
FROM events WHERE log = %(log)s AND notification_id = ANY (%(positions)b::bigint[])

-- name: count_open_stakes
-- Stakes placed less stakes resolved: zero means that escrow is zero, as each stake is resolved once.
SELECT count(*) FILTER (WHERE topic = 'account.stake_placed')
     - count(*) FILTER (WHERE topic IN ('account.bet_won', 'account.bet_lost', 'account.stake_returned'))
FROM events WHERE log = %(log)s AND topic LIKE 'account.%%'
