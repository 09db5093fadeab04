-- name: schema
-- One row per entry that was ever enrolled, and one per week with their number.
CREATE TABLE registrations (
  log text NOT NULL,
  registration uuid NOT NULL,
  entry uuid NOT NULL,
  week text NOT NULL,
  via text NOT NULL,
  rules_hash text NOT NULL,
  enrolled_at timestamptz NOT NULL,
  withdrawn_at timestamptz,
  position bigint NOT NULL,
  PRIMARY KEY (registration, log)
);
CREATE INDEX registrations_by_log ON registrations (log);
CREATE INDEX registrations_by_entry ON registrations (entry);

CREATE TABLE registration_counts (
  log text NOT NULL,
  week text NOT NULL,
  registered integer NOT NULL,
  PRIMARY KEY (week, log)
) WITH (fillfactor = 50);
CREATE INDEX registration_counts_by_log ON registration_counts (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON registrations, registration_counts TO fairpool_service;

-- name: registered
-- How many entries take part in some weeks.
SELECT week, sum(registered)::integer AS number FROM registration_counts
WHERE week = ANY (%(weeks)b::text[]) GROUP BY week
