-- name: recent
-- What was revoked lately. Both times are the database's, whatever the clocks of those who ask.
SELECT id FROM revocations WHERE revoked_at > now() - %(window)s

-- name: forget_old
-- Removes what nobody asks for any more.
DELETE FROM revocations WHERE revoked_at <= now() - %(window)s
