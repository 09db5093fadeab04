-- name: latest
-- The latest message that was taken of a game and topic.
SELECT at, body FROM feed_messages WHERE source = %(source)s AND game_id = %(game_id)s AND topic = %(topic)s

-- name: remember
-- Keeps a message as the latest of its game and topic.
INSERT INTO feed_messages (source, game_id, topic, at, body, waits_for)
VALUES (%(source)s, %(game_id)s, %(topic)s, %(at)s, %(body)s, %(waits_for)s)
ON CONFLICT (source, game_id, topic) DO UPDATE
SET at = excluded.at, body = excluded.body, waits_for = excluded.waits_for
WHERE feed_messages.at <= excluded.at

-- name: waiting_weeks
-- The weeks that messages wait for.
SELECT DISTINCT waits_for FROM feed_messages WHERE waits_for IS NOT NULL

-- name: waiting_for
-- The messages that wait for a week, oldest first, games before their quotes.
SELECT body FROM feed_messages WHERE waits_for = %(week)s ORDER BY at, topic <> 'game', game_id, topic

-- name: waits_for
-- The week that a game's latest listing waits for, if it does.
SELECT waits_for FROM feed_messages
WHERE source = %(source)s AND game_id = %(game_id)s AND topic = 'game' AND waits_for IS NOT NULL

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
-- Notes what became of a dead letter.
UPDATE dead_letters SET resolved = %(resolved)s WHERE id = %(id)s

-- name: dead_letters
-- Dead letters that nothing became of yet.
SELECT id, msg_id, subject, source, game_id, reason, body, received_at FROM dead_letters
WHERE resolved IS NULL ORDER BY id
