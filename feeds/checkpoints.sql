-- name: add
-- Adds a checkpoint where there is none of that size.
INSERT INTO checkpoints (log, size, root, note, signed_at)
VALUES (%(log)s, %(size)s, %(root)s, %(note)s, %(signed_at)s)
ON CONFLICT DO NOTHING

-- name: newest
-- The newest checkpoint of a log up to a size.
SELECT log, size, root, note FROM checkpoints
WHERE log = %(log)s AND size <= %(until)s ORDER BY size DESC LIMIT 1

-- name: all
-- A log's checkpoints between two sizes, in order.
SELECT log, size, root, note FROM checkpoints
WHERE log = %(log)s AND size > %(after)s AND size <= %(until)s ORDER BY size LIMIT %(limit)s

-- name: unsigned
-- The logs that do not end where their newest checkpoint does.
SELECT h.log FROM heads h
WHERE h.position <> coalesce((SELECT max(c.size) FROM checkpoints c WHERE c.log = h.log), 0)
ORDER BY h.log

-- name: hold
-- Lets one signer at a time add to a log's checkpoints, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('fairpool.checkpoints.' || %(log)s, 0))
