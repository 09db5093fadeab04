-- name: known
-- Which of some messages were taken.
SELECT event_id FROM provider_messages WHERE event_id = ANY (%(event_ids)s)

-- name: take
-- Keeps a message that has its effect in the same transaction, or had it before.
INSERT INTO provider_messages (event_id, topic, ref, created_at, received_at)
VALUES (%(event_id)s, %(topic)s, %(ref)s, %(created_at)s, %(received_at)s)
ON CONFLICT DO NOTHING

-- name: swept_to
-- Up to when messages were asked for.
SELECT swept_to FROM sweeps WHERE name = 'messages'

-- name: swept
-- Notes up to when messages were asked for.
INSERT INTO sweeps (name, swept_to) VALUES ('messages', %(to)s)
ON CONFLICT (name) DO UPDATE SET swept_to = greatest(sweeps.swept_to, excluded.swept_to)
