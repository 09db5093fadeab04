-- name: person
-- A person by id.
SELECT id, email, name, role, created_at, date_of_birth, jurisdiction FROM players WHERE id = %(player_id)s

-- name: hold_person
-- A person who is to be erased: whoever is about to refer to them waits, and then finds nobody.
SELECT id, email, name, role, created_at, date_of_birth, jurisdiction FROM players WHERE id = %(player_id)s FOR UPDATE

-- name: describe
-- Sets a name, and what was not known before; what was known stays as it is.
UPDATE players SET
  name = coalesce(%(name)s, name),
  date_of_birth = coalesce(date_of_birth, %(date_of_birth)s),
  jurisdiction = coalesce(jurisdiction, %(jurisdiction)s)
WHERE id = %(player_id)s
RETURNING id, email, name, role, created_at, date_of_birth, jurisdiction

-- name: correct
-- Replaces what is given of a name, a date of birth and a jurisdiction.
UPDATE players SET
  name = coalesce(%(name)s, name),
  date_of_birth = coalesce(%(date_of_birth)s, date_of_birth),
  jurisdiction = coalesce(%(jurisdiction)s, jurisdiction)
WHERE id = %(player_id)s
RETURNING id, email, name, role, created_at, date_of_birth, jurisdiction

-- name: forget_entries
-- Cuts the link from a person to the ledger, which keeps the entries without knowing whose they were.
DELETE FROM entries WHERE player_id = %(player_id)s RETURNING player_id, week, entry

-- name: forget_person
-- Removes a person, and with them all that refers to them.
DELETE FROM players WHERE id = %(player_id)s

-- name: keep_restrictions
-- Keeps the restrictions that an erased person leaves behind, under the pseudonym of the e-mail address.
INSERT INTO restrictions_of_the_erased (address_hash, kind, ends_at)
SELECT %(address_hash)s, kind, ends_at FROM restrictions
WHERE player_id = %(player_id)s AND lifted_at IS NULL AND (ends_at IS NULL OR ends_at > %(at)s)

-- name: forget_ended_restrictions
-- Removes the restrictions of erased persons that have ended.
DELETE FROM restrictions_of_the_erased WHERE ends_at <= %(at)s

-- name: take_back_restrictions
-- Takes the restrictions that somebody left behind who had the same e-mail address.
DELETE FROM restrictions_of_the_erased WHERE address_hash = %(address_hash)s
RETURNING kind, ends_at

-- name: page
-- Players behind a place in the list, newest first; read back, those before it, oldest first.
WITH sharing AS (
  SELECT DISTINCT player_id FROM devices
  WHERE last_seen >= %(oldest)s AND device IN (
    SELECT device FROM devices WHERE last_seen >= %(oldest)s GROUP BY device HAVING count(*) > 1)
)
SELECT p.id, p.email, p.name, p.role, p.created_at,
  EXISTS (
    SELECT FROM restrictions r
    WHERE r.player_id = p.id AND r.lifted_at IS NULL AND (r.ends_at IS NULL OR r.ends_at > %(at)s)
  ) AS is_restricted,
  p.id IN (SELECT player_id FROM sharing) AS shares_device
FROM players p
WHERE (%(email)s::text IS NULL OR p.email = %(email)s)
  AND (%(name)s::text IS NULL OR position(lower(%(name)s) IN lower(p.name)) > 0)
  AND (%(entry)s::uuid IS NULL OR p.id = (SELECT e.player_id FROM entries e WHERE e.entry = %(entry)s))
  AND (%(shares_device)s::boolean IS NULL OR (p.id IN (SELECT player_id FROM sharing)) = %(shares_device)s)
  AND (%(created_at)s::timestamptz IS NULL
    OR CASE WHEN %(is_back)s
      THEN (p.created_at, p.id) > (%(created_at)s, %(id)s::uuid)
      ELSE (p.created_at, p.id) < (%(created_at)s, %(id)s::uuid)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN p.created_at END, CASE WHEN %(is_back)s THEN p.id END,
  p.created_at DESC, p.id DESC
LIMIT %(limit)s
