-- name: one_guess_at_a_time
-- Waits until nobody else tries a password of this account, and keeps others waiting until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('fairpool.sign_in/' || %(email)s, 0))
