-- name: migrations
-- The migrations that have run.
SELECT name FROM migrations

-- name: is_read_only
-- Whether the database takes no writes, as a standby.
SELECT current_setting('transaction_read_only') = 'on'
