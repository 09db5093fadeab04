-- name: candidates
-- Prizes that are not paid, by entry, behind one of them, with all that decides whether they can be.
SELECT z.entry, z.week, a.pool_name, z.amount_cents, z.currency, e.player_id, y.account_ref,
  coalesce(y.account_is_active, false) AS account_is_active, y.identity_status, y.tax_form_at,
  EXISTS (
    SELECT FROM payers r JOIN payments s ON s.payment_id = r.payment_id
    WHERE r.player_id = e.player_id AND s.dispute IN ('open', 'lost')) AS is_disputed,
  (SELECT coalesce(sum(w.amount_cents), 0) FROM entries o JOIN prize_payments w ON w.entry = o.entry
    WHERE o.player_id = e.player_id AND w.state = 'paid' AND w.paid_at >= %(since)s AND w.paid_at < %(until)s
  )::bigint AS paid_this_year_cents,
  coalesce(p.state, 'owed') AS state, p.reason
FROM prizes z
JOIN accounts a ON a.entry = z.entry
LEFT JOIN prize_payments p ON p.entry = z.entry
LEFT JOIN entries e ON e.entry = z.entry
LEFT JOIN payees y ON y.player_id = e.player_id
WHERE coalesce(p.state, 'owed') <> 'paid' AND (%(after)s::uuid IS NULL OR z.entry > %(after)s)
ORDER BY z.entry LIMIT %(limit)s

-- name: paid
-- A prize that was paid by a transfer of a time, or before it.
SELECT entry, week, amount_cents, currency, attempt FROM prize_payments
WHERE prize_id = %(prize_id)s AND state = 'paid' AND paid_at <= %(at)s

-- name: lock
-- Lets one process pay prizes at a time; false where another one does.
SELECT pg_try_advisory_xact_lock(hashtext('fairpool.prizes'))
