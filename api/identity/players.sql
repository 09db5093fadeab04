-- name: create
-- Adds a player; fails on an e-mail address that is there already.
INSERT INTO players (id, email, name, password_hash, role, created_at, email_verified_at)
VALUES (%(id)s, %(email)s, %(name)s, %(password_hash)s, %(role)s, %(created_at)s, %(email_verified_at)s)

-- name: player
-- A player by id.
SELECT id, email, name, password_hash, role, created_at, email_verified_at FROM players WHERE id = %(player_id)s

-- name: player_with_email
-- A player by normalised e-mail address.
SELECT id, email, name, password_hash, role, created_at, email_verified_at FROM players WHERE email = %(email)s

-- name: set_password_hash
-- Replaces a player's password hash.
UPDATE players SET password_hash = %(password_hash)s WHERE id = %(player_id)s

-- name: replace_password_hash
-- Replaces a password hash that is still as it was read, so that a renewal never undoes a change.
UPDATE players SET password_hash = %(password_hash)s WHERE id = %(player_id)s AND password_hash = %(known_hash)s

-- name: verify_email
-- Notes that an address is its player's.
UPDATE players SET email_verified_at = coalesce(email_verified_at, %(now)s) WHERE id = %(player_id)s

-- name: names_of
-- The players behind some entries; an entry whose player was erased is not among them.
SELECT e.entry, p.id AS player_id, p.name
FROM entries e JOIN players p ON p.id = e.player_id
WHERE e.entry = ANY (%(entries)b)
