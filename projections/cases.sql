-- name: schema
-- One row per case, and one per game that something settles.
CREATE TABLE cases (
  log text NOT NULL,
  case_id uuid NOT NULL,
  subject text NOT NULL,
  reason text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'proposed', 'approved', 'applied', 'closed')),
  opened_at timestamptz NOT NULL,
  opened_by text NOT NULL,
  position bigint NOT NULL,
  game_id uuid,
  change text,
  effect text,
  resolution integer,
  needs_approval boolean,
  preview_hash text,
  proposed_at timestamptz,
  proposed_by text,
  approved_at timestamptz,
  approved_by text,
  ruling_position bigint,
  ruling_resolution integer,
  before text,
  after text,
  applied_at timestamptz,
  applied_by text,
  closed_at timestamptz,
  closed_by text,
  outcome text,
  PRIMARY KEY (case_id, log)
) WITH (fillfactor = 70);
CREATE INDEX cases_by_opening ON cases (opened_at, case_id);
CREATE INDEX cases_by_log ON cases (log, opened_at, case_id);
CREATE INDEX cases_by_ruling ON cases (log, ruling_position) WHERE ruling_position IS NOT NULL;

CREATE TABLE settled_games (
  log text NOT NULL,
  game_id uuid NOT NULL,
  settled text NOT NULL,
  PRIMARY KEY (game_id, log)
);
CREATE INDEX settled_games_by_log ON settled_games (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON cases, settled_games TO fairpool_service;

-- name: case
-- A case by id.
SELECT * FROM cases WHERE case_id = %(case_id)s

-- name: cases
-- Cases behind a place, newest first; read back, those before it, oldest first.
SELECT * FROM cases
WHERE (%(week)s::text IS NULL OR log = %(week)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(game_id)s::uuid IS NULL OR game_id = %(game_id)s)
  AND (%(opened_at)s::timestamptz IS NULL
    OR CASE WHEN %(is_back)s
      THEN (opened_at, case_id) > (%(opened_at)s, %(case_id)s::uuid)
      ELSE (opened_at, case_id) < (%(opened_at)s, %(case_id)s::uuid)
    END)
ORDER BY
  CASE WHEN %(is_back)s THEN opened_at END, CASE WHEN %(is_back)s THEN case_id END,
  opened_at DESC, case_id DESC
LIMIT %(limit)s

-- name: cases_of_rulings
-- The cases whose rulings stand at some positions of a log.
SELECT * FROM cases WHERE log = %(log)s AND ruling_position = ANY (%(positions)b::bigint[]) ORDER BY ruling_position
