-- name: create
-- Adds an API key.
INSERT INTO api_keys (id, role, name, scopes, secret, created_by, created_at, expires_at)
VALUES (%(id)s, %(role)s, %(name)s, %(scopes)s, %(secret)s, %(created_by)s, %(created_at)s, %(expires_at)s)

-- name: keys
-- Keys behind a place, newest first; read back, those before it, oldest first.
SELECT id, role, name, scopes, created_by, created_at, last_used_at, expires_at FROM api_keys
WHERE %(created_at)s::timestamptz IS NULL
  OR CASE WHEN %(is_back)s
    THEN (created_at, id) > (%(created_at)s, %(id)s::uuid)
    ELSE (created_at, id) < (%(created_at)s, %(id)s::uuid)
  END
ORDER BY
  CASE WHEN %(is_back)s THEN created_at END, CASE WHEN %(is_back)s THEN id END,
  created_at DESC, id DESC
LIMIT %(limit)s

-- name: key
-- What checking a key needs.
SELECT role, scopes, secret, expires_at FROM api_keys WHERE id = %(id)s

-- name: touch
-- Remembers that a key is in use.
UPDATE api_keys SET last_used_at = %(now)s WHERE id = %(id)s

-- name: revoke
-- Ends a key.
DELETE FROM api_keys WHERE id = %(id)s RETURNING id
