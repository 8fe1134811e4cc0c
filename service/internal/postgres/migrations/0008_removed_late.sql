-- News of a removal may come when the ledger has found out already that a return took back what was removed: what is said holds.
CREATE OR REPLACE FUNCTION releases_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.service, NEW.environment, NEW.track, NEW.version, NEW.revision, NEW.actor, NEW.started_at, NEW.recorded_at)
        IS DISTINCT FROM
       (OLD.id, OLD.service, OLD.environment, OLD.track, OLD.version, OLD.revision, OLD.actor, OLD.started_at, OLD.recorded_at)
    THEN
        RAISE EXCEPTION 'release %: what names it never changes', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NOT (CASE OLD.outcome
        WHEN NEW.outcome   THEN true
        WHEN 'started'     THEN true
        WHEN 'timed_out'   THEN NEW.outcome <> 'started'
        WHEN 'failed'      THEN NEW.outcome IN ('succeeded', 'rolled_back', 'removed')
        WHEN 'succeeded'   THEN NEW.outcome IN ('rolled_back', 'removed')
        -- What followed from another release may cease to, or be said to have ended otherwise.
        WHEN 'rolled_back' THEN OLD.rolled_back_by IS NOT NULL AND NEW.outcome IN ('succeeded', 'removed')
        ELSE false
    END)
    THEN
        RAISE EXCEPTION 'release %: % cannot become %', OLD.id, OLD.outcome, NEW.outcome USING ERRCODE = 'check_violation';
    END IF;
    IF (OLD.succeeded_at IS NOT NULL AND NEW.succeeded_at IS DISTINCT FROM OLD.succeeded_at)
        OR (OLD.failed_at IS NOT NULL AND NEW.failed_at IS DISTINCT FROM OLD.failed_at)
        OR (OLD.artifact IS NOT NULL AND NEW.artifact IS DISTINCT FROM OLD.artifact)
    THEN
        RAISE EXCEPTION 'release %: what is known of it stays', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
