-- name: create
-- Adds a player; fails on an e-mail address that is there already.
INSERT INTO players (id, email, name, password_hash, role, created_at)
VALUES (%(id)s, %(email)s, %(name)s, %(password_hash)s, %(role)s, %(created_at)s)

-- name: player
-- A player by id.
SELECT id, email, name, password_hash, role, created_at FROM players WHERE id = %(player_id)s

-- name: player_with_email
-- A player by normalised e-mail address.
SELECT id, email, name, password_hash, role, created_at FROM players WHERE email = %(email)s

-- name: set_password_hash
-- Replaces a player's password hash.
UPDATE players SET password_hash = %(password_hash)s WHERE id = %(player_id)s

-- name: names_of
-- The players behind some entries; an entry whose player was erased is not among them.
SELECT e.entry, p.id AS player_id, p.name
FROM entries e JOIN players p ON p.id = e.player_id
WHERE e.entry = ANY (%(entries)b)
