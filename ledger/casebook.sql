-- name: log_of_case
-- The log that a case is kept in: it is asked for by its id alone. No row where there is no such case.
SELECT log FROM events WHERE originator_id = %(case_id)s AND originator_version = 1 AND topic = 'case.opened'

-- name: reasons
-- The cases behind what stands at some positions, where that is an operator's ruling: its request names the case.
SELECT ruling.notification_id, opened.originator_id, opened.state
FROM events AS ruling
JOIN events AS opened ON opened.log = ruling.log AND opened.originator_version = 1 AND opened.topic = 'case.opened'
  AND opened.originator_id = CASE
    WHEN ruling.request ~ '^case/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN substr(ruling.request, 6)::uuid
  END
WHERE ruling.log = %(log)s AND ruling.notification_id = ANY (%(positions)b::bigint[])
