-- name: archive
-- A log that has left the database at some time.
SELECT log, size, root, recorded_at, manifest_sha256, seed, archived_at, archived_by, restored_at, times
FROM archives WHERE log = %(log)s

-- name: away
-- The logs that are archived now, in order.
SELECT log, size, root, recorded_at, manifest_sha256, seed, archived_at, archived_by, restored_at, times
FROM archives WHERE restored_at IS NULL ORDER BY log
