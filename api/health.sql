-- name: migrations
-- The migrations that have run.
SELECT name FROM migrations
