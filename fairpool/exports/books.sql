-- name: balances
-- The balance of each account of a log up to a position, as the journal has them.
SELECT account, sum(amount)::bigint FROM journal_lines
WHERE log = %(log)s AND position <= %(until)s
GROUP BY account
