-- name: undecided_payments
-- Payments for a week that its log may have to decide on: checkouts that can still be paid, what was paid and is neither
-- given nor refused, and passes whose players withdrew.
SELECT payment_id FROM payments
WHERE week = %(week)s AND kind IN ('weekly_pass', 'buy_back') AND (
  status = 'open'
  OR status = 'paid' AND refunded_cents < amount_cents
     AND NOT EXISTS (SELECT FROM purchases d WHERE d.week = payments.week AND d.payment_id = payments.payment_id))
UNION
SELECT w.payment_id FROM withdrawn_passes w JOIN payments p ON p.payment_id = w.payment_id WHERE p.week = %(week)s
ORDER BY payment_id

-- name: unpaid_prizes
-- Prizes of a week that are still to be paid. Those of people who were erased never are.
SELECT z.entry FROM prizes z
JOIN entries e ON e.entry = z.entry
LEFT JOIN prize_payments p ON p.entry = z.entry
WHERE z.week = %(week)s AND coalesce(p.state, 'owed') <> 'paid'
ORDER BY z.entry
