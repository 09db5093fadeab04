-- name: list_game
-- Keeps how a confirming source lists a game.
INSERT INTO confirming_games (source, game_id, league, home, away, starts_at)
VALUES (%(source)s, %(game_id)s, %(league)s, %(home)s, %(away)s, %(starts_at)s)
ON CONFLICT (source, game_id) DO UPDATE
SET league = excluded.league, home = excluded.home, away = excluded.away, starts_at = excluded.starts_at

-- name: move_game
-- Gives a game of a confirming source a new start.
UPDATE confirming_games SET starts_at = %(starts_at)s WHERE source = %(source)s AND game_id = %(game_id)s

-- name: game
-- A game as a confirming source lists it.
SELECT source, game_id, league, home, away, starts_at FROM confirming_games
WHERE source = %(source)s AND game_id = %(game_id)s

-- name: games_of_teams
-- The games of two teams, as a confirming source lists them.
SELECT source, game_id, league, home, away, starts_at FROM confirming_games
WHERE source = %(source)s AND league = %(league)s AND home = %(home)s AND away = %(away)s
ORDER BY starts_at, game_id

-- name: word
-- The last word on a subject.
SELECT source, revision, certainty, status, home_score, away_score, regulation_home, regulation_away, said_at
FROM feed_words WHERE subject = %(subject)s

-- name: keep_word
-- Keeps a source's last word on a subject.
INSERT INTO feed_words (subject, source, revision, certainty, status, home_score, away_score,
                        regulation_home, regulation_away, said_at)
VALUES (%(subject)s, %(source)s, %(revision)s, %(certainty)s, %(status)s, %(home_score)s, %(away_score)s,
        %(regulation_home)s, %(regulation_away)s, %(said_at)s)
ON CONFLICT (subject) DO UPDATE
SET source = excluded.source, revision = excluded.revision, certainty = excluded.certainty, status = excluded.status,
    home_score = excluded.home_score, away_score = excluded.away_score, regulation_home = excluded.regulation_home,
    regulation_away = excluded.regulation_away, said_at = excluded.said_at
