-- name: lock_patience
-- Bounds how long the next lock is waited for, in this transaction alone.
SELECT set_config('lock_timeout', %(patience)s, true)

-- name: lock_game
-- Keeps a game of a source to this connection, until it lets go or ends.
SELECT pg_advisory_lock(hashtextextended(%(source)s || '/' || %(game_id)s, 7035426))

-- name: unlock_game
-- Lets go of a game.
SELECT pg_advisory_unlock(hashtextextended(%(source)s || '/' || %(game_id)s, 7035426))

-- name: is_outdated
-- Whether the message was taken before, or a newer one was that speaks of the same.
SELECT EXISTS (
  SELECT FROM feed_messages
  WHERE source = %(source)s AND game_id = %(game_id)s
    AND (topic = ANY (%(rivals)s) AND at > %(at)s OR topic = %(topic)s AND at = %(at)s AND body = %(body)s))

-- name: remember
-- Keeps a message as the latest of its game and topic.
INSERT INTO feed_messages (source, game_id, topic, at, body, waits_for)
VALUES (%(source)s, %(game_id)s, %(topic)s, %(at)s, %(body)s, %(waits_for)s)
ON CONFLICT (source, game_id, topic) DO UPDATE
SET at = excluded.at, body = excluded.body, waits_for = excluded.waits_for
WHERE feed_messages.at <= excluded.at

-- name: forget
-- Lets go of a message that waited.
DELETE FROM feed_messages
WHERE source = %(source)s AND game_id = %(game_id)s AND topic = %(topic)s AND at = %(at)s

-- name: announced
-- What the latest listing message of a game says, and the week that it waits for.
SELECT body, waits_for FROM feed_messages
WHERE source = %(source)s AND game_id = %(game_id)s AND topic = 'game'

-- name: waiting_games
-- The listing messages of games of which something waits for one of some weeks, oldest first. One that does not wait
-- itself was taken, and an outage cut off what follows from it.
SELECT body FROM feed_messages
WHERE topic = 'game' AND (waits_for IS NULL OR waits_for = ANY (%(weeks)s))
  AND (source, game_id) IN (SELECT source, game_id FROM feed_messages WHERE waits_for = ANY (%(weeks)s))
ORDER BY at, game_id, source

-- name: waiting_of_game
-- What else waits of a game, oldest first.
SELECT body FROM feed_messages
WHERE source = %(source)s AND game_id = %(game_id)s AND topic <> 'game' AND waits_for IS NOT NULL
ORDER BY at, topic

-- name: bury
-- Keeps a message that could not be applied; a redelivery of it is known.
INSERT INTO dead_letters (msg_id, subject, source, game_id, reason, body, received_at)
VALUES (%(msg_id)s, %(subject)s, %(source)s, %(game_id)s, %(reason)s, %(body)s, %(received_at)s)
ON CONFLICT (msg_id) DO NOTHING

-- name: unresolved_of_game
-- Dead letters of a game, in the order in which they came.
SELECT id, body FROM dead_letters
WHERE source = %(source)s AND game_id = %(game_id)s AND resolved IS NULL ORDER BY id

-- name: resolve
-- Notes what became of a dead letter; that stands, but one that was dropped may still be applied.
UPDATE dead_letters
SET resolved = %(resolved)s, resolved_at = %(at)s, resolved_by = %(by)s, resolved_why = %(why)s
WHERE id = %(id)s AND (resolved IS NULL OR resolved = 'dropped' AND %(resolved)s <> 'dropped')

-- name: tried
-- Counts that a dead letter was tried again, and keeps why it still is one.
UPDATE dead_letters SET tries = tries + 1, reason = coalesce(%(reason)s, reason) WHERE id = %(id)s

-- name: dead_letter
-- A dead letter by id.
SELECT id, msg_id, subject, source, game_id, reason, body, received_at,
       tries, resolved, resolved_at, resolved_by, resolved_why
FROM dead_letters WHERE id = %(id)s

-- name: dead_letters
-- Dead letters that nothing became of yet.
SELECT id, msg_id, subject, source, game_id, reason, body, received_at,
       tries, resolved, resolved_at, resolved_by, resolved_why
FROM dead_letters WHERE resolved IS NULL ORDER BY id

-- name: dead_letters_page
-- A page of dead letters, newest first, all or those that nothing became of yet.
SELECT id, msg_id, subject, source, game_id, reason, body, received_at,
       tries, resolved, resolved_at, resolved_by, resolved_why
FROM dead_letters
WHERE (%(with_resolved)s OR resolved IS NULL)
  AND (%(place)s::bigint IS NULL OR CASE WHEN %(is_back)s THEN id > %(place)s ELSE id < %(place)s END)
ORDER BY CASE WHEN %(is_back)s THEN id ELSE -id END
LIMIT %(limit)s

-- name: last_said
-- When the latest message on each of some games was said.
SELECT source, game_id, max(at) FROM feed_messages
JOIN unnest(%(sources)s::text[], %(games)s::text[]) AS asked (source, game_id) USING (source, game_id)
GROUP BY source, game_id
