-- name: payee
-- How a player is paid.
SELECT player_id, account_ref, account_is_active, identity_ref, identity_status, identity_number, tax_form_at, version
FROM payees WHERE player_id = %(player_id)s

-- name: called
-- Whose account or identity check the provider calls so.
SELECT player_id, account_ref, account_is_active, identity_ref, identity_status, identity_number, tax_form_at, version
FROM payees WHERE account_ref = %(ref)s OR identity_ref = %(ref)s

-- name: awaited
-- Accounts and checks that are not done, of winners whose prizes are not paid.
WITH winners AS (
  SELECT y.* FROM payees y WHERE EXISTS (
    SELECT FROM entries e JOIN prizes z ON z.entry = e.entry LEFT JOIN prize_payments p ON p.entry = z.entry
    WHERE e.player_id = y.player_id AND coalesce(p.state, 'owed') <> 'paid'))
SELECT 'account', account_ref FROM winners WHERE account_ref IS NOT NULL AND NOT account_is_active
UNION ALL
SELECT 'identity', identity_ref FROM winners WHERE identity_status = 'open'

-- name: ensure
-- Makes room for a player.
INSERT INTO payees (player_id) VALUES (%(player_id)s) ON CONFLICT DO NOTHING

-- name: keep_account
-- Keeps a player's account and how it stands, unless somebody did so since it was read.
UPDATE payees SET account_ref = %(ref)s, account_is_active = %(is_active)s, version = version + 1
WHERE player_id = %(player_id)s AND version = %(version)s

-- name: keep_identity
-- Keeps a player's check and how it stands, unless somebody did so since it was read.
UPDATE payees SET identity_ref = %(ref)s, identity_status = %(status)s, identity_number = %(number)s,
  version = version + 1
WHERE player_id = %(player_id)s AND version = %(version)s

-- name: note_tax_form
-- Notes that what the tax office asks for is there.
INSERT INTO payees (player_id, tax_form_at) VALUES (%(player_id)s, %(at)s)
ON CONFLICT (player_id) DO UPDATE SET tax_form_at = coalesce(payees.tax_form_at, excluded.tax_form_at)
