-- name: season
-- Places of the season's table and the line of who asks: players by pools won, then credits, then fewer weeks.
WITH finished AS (
  SELECT s.entry, s.credits, rank() OVER (PARTITION BY s.pool_id ORDER BY s.credits DESC) AS rank
  FROM weeks w JOIN leaderboard s ON s.log = w.log
  WHERE w.state = 'final' AND split_part(w.week, '-', 1) = %(year)s
), played AS (
  SELECT e.player_id, count(*) AS weeks, count(*) FILTER (WHERE f.rank = 1) AS pools_won, sum(f.credits) AS credits
  FROM finished f JOIN entries e ON e.entry = f.entry
  GROUP BY e.player_id
), ranked AS (
  SELECT row_number() OVER (ORDER BY pools_won DESC, credits DESC, weeks, p.id) AS place,
         rank() OVER (ORDER BY pools_won DESC, credits DESC, weeks) AS rank,
         p.name, p.id = %(player_id)s AS is_me, weeks, pools_won, credits::bigint
  FROM played JOIN players p ON p.id = played.player_id
)
SELECT * FROM ranked WHERE place BETWEEN %(first)s AND %(last)s OR is_me ORDER BY place

-- name: final_weeks
-- The weeks of a year that are final.
SELECT week FROM weeks WHERE state = 'final' AND split_part(week, '-', 1) = %(year)s ORDER BY week
