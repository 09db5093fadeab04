-- The clock that counts: an append by a process whose clock is wrong is refused before it moves the log's time.

-- What time it is for the ledger: a function of its own, so that whoever plays in another time can say so here.
CREATE FUNCTION ledger_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

-- Refuses a time that is further from the ledger's than the session tolerates; without a setting every time is right.
CREATE FUNCTION require_clock(p_now timestamptz) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  v_tolerance interval := nullif(current_setting('fairpool.clock_tolerance', true), '');
  v_ahead interval := p_now - ledger_clock();
BEGIN
  IF v_tolerance IS NOT NULL AND (v_ahead > v_tolerance OR v_ahead < -v_tolerance) THEN
    RAISE EXCEPTION 'the clock of this process is % ahead of the database''s', v_ahead
      USING ERRCODE = 'FP002', HINT = 'Set the clocks of both machines, by NTP.';
  END IF;
END $$;

REVOKE ALL ON FUNCTION ledger_clock, require_clock FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_clock, require_clock TO fairpool_service;
