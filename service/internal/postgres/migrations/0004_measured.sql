-- Days that are over, measured: what the measures of a window need of each, so that their cost is that of days and not of
-- releases. A day without rows is open, and is measured from the releases when it is asked for; whoever changes something
-- that a day is made of, opens it again in the same transaction. The table can be emptied at any time.
CREATE TABLE measured_days (
    environment text    COLLATE "C" NOT NULL,
    day         date    NOT NULL, -- UTC
    service     text    COLLATE "C" NOT NULL, -- '' with team '': all of them; there for every measured day
    team        text    COLLATE "C" NOT NULL, -- '' where nobody named one
    deployments integer NOT NULL,
    failures    integer NOT NULL, -- of these
    -- Numbers of 8 bytes each, the highest byte first: microseconds, since 1970 or as a length.
    deployed_at bytea   NOT NULL, -- in order
    restores    bytea   NOT NULL, -- a number for each failure, in order; -1 for one that nothing has restored
    restores_of bytea   NOT NULL, -- when each of these deployments counts
    leads       bytea   NOT NULL, -- a number for each change first deployed whose commit is known, in order
    leads_of    bytea   NOT NULL, -- when each of these succeeded
    PRIMARY KEY (environment, day, service, team)
);
-- To compress them takes longer than to read them.
ALTER TABLE measured_days
    ALTER COLUMN deployed_at SET STORAGE EXTERNAL, ALTER COLUMN restores SET STORAGE EXTERNAL, ALTER COLUMN restores_of SET STORAGE EXTERNAL,
    ALTER COLUMN leads SET STORAGE EXTERNAL, ALTER COLUMN leads_of SET STORAGE EXTERNAL;
CREATE INDEX measured_days_known ON measured_days (environment, day) WHERE service = '' AND team = '';
CREATE INDEX measured_days_of_service ON measured_days (environment, service, day);
CREATE INDEX measured_days_of_team ON measured_days (environment, team, day);

-- When a release counts as a deployment: at its success, or else at its end, or else at its failure.
DROP INDEX releases_deployed;
CREATE INDEX releases_counted ON releases (environment, (CASE WHEN succeeded_at IS NOT NULL THEN succeeded_at
    WHEN outcome IN ('failed', 'rolled_back') THEN finished_at ELSE failed_at END)) WHERE kind = 'deployment';
-- Failures that wait for a success in their place.
CREATE INDEX releases_unrestored ON releases (service, environment, track, (coalesce(failed_at, finished_at)))
    WHERE kind = 'deployment' AND succeeded_at IS NULL AND outcome IN ('failed', 'removed');

CREATE FUNCTION releases_counted_at(r releases) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN r.succeeded_at IS NOT NULL THEN r.succeeded_at WHEN r.outcome IN ('failed', 'rolled_back') THEN r.finished_at ELSE r.failed_at END
$$;

-- One row has changed, of those around it none: the days that it, or what it was, has a say in. Its delivery counts on a day of
-- one of its members. Of a change, the first success counts. A success restores what has failed in its place since the one before.
-- Who measures a day holds its lock alone, so that no change is overlooked.
CREATE FUNCTION measured_days_open() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    r       releases;
    other   releases;
    failure releases;
    since   timestamptz;
    days    date[];
    each    date;
BEGIN
    FOR version IN 1..2 LOOP
        IF version = 1 THEN
            CONTINUE WHEN TG_OP = 'INSERT';
            r := OLD;
        ELSE
            CONTINUE WHEN TG_OP = 'DELETE';
            r := NEW;
        END IF;
        CONTINUE WHEN r.kind <> 'deployment' OR releases_counted_at(r) IS NULL;
        days := days || (releases_counted_at(r) AT TIME ZONE 'UTC')::date || measured_days_beside(r);
        CONTINUE WHEN r.succeeded_at IS NULL;

        SELECT * INTO other FROM releases b
            WHERE b.environment = r.environment AND b.service = r.service AND b.change = r.change
                AND b.kind = 'deployment' AND b.succeeded_at IS NOT NULL AND b.id <> r.id
            ORDER BY b.succeeded_at LIMIT 1;
        IF FOUND AND (other.succeeded_at >= r.succeeded_at OR r.committed_at IS NOT NULL
            AND (other.committed_at IS NULL OR r.committed_at < other.committed_at))
        THEN
            days := days || (other.succeeded_at AT TIME ZONE 'UTC')::date;
        END IF;

        CONTINUE WHEN r.outcome NOT IN ('succeeded', 'removed');
        -- One step along an index: max() would go through all that an index has of the place.
        SELECT b.succeeded_at INTO since FROM releases b
            WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track AND b.kind = 'deployment'
                AND b.succeeded_at IS NOT NULL AND b.succeeded_at <= r.succeeded_at AND b.outcome IN ('succeeded', 'removed') AND b.id <> r.id
            ORDER BY b.succeeded_at DESC, b.id DESC LIMIT 1;
        FOR failure IN SELECT * FROM releases b
            WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track AND b.kind = 'deployment'
                AND b.succeeded_at IS NULL AND b.outcome IN ('failed', 'removed')
                AND coalesce(b.failed_at, b.finished_at) <= r.succeeded_at
                AND coalesce(b.failed_at, b.finished_at) > coalesce(since, '-infinity')
        LOOP
            days := days || (releases_counted_at(failure) AT TIME ZONE 'UTC')::date || measured_days_beside(failure);
        END LOOP;
    END LOOP;

    FOR each IN SELECT DISTINCT d FROM unnest(days) d WHERE d IS NOT NULL ORDER BY d LOOP
        PERFORM pg_advisory_xact_lock_shared(hashtext(coalesce(NEW.environment, OLD.environment)), each - '2000-01-01'::date);
        -- Else a day that was measured since this transaction began would not be seen: here it is a serialization failure.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            INSERT INTO measured_days VALUES (coalesce(NEW.environment, OLD.environment), each, '', '', 0, 0, '', '', '', '', '')
                ON CONFLICT (environment, day, service, team) DO UPDATE SET deployments = 0;
        END IF;
        DELETE FROM measured_days WHERE environment = coalesce(NEW.environment, OLD.environment) AND day = each;
    END LOOP;
    RETURN NULL;
END
$$;

-- The days on which the other members of the delivery of a release count.
CREATE FUNCTION measured_days_beside(r releases) RETURNS date[] LANGUAGE plpgsql AS $$
DECLARE
    found date[];
BEGIN
    SELECT array_agg((releases_counted_at(b) AT TIME ZONE 'UTC')::date) INTO found FROM releases b
        WHERE b.continues = coalesce(r.continues, r.id) AND b.id <> r.id;
    IF r.continues IS NOT NULL THEN
        found := found || (SELECT (releases_counted_at(b) AT TIME ZONE 'UTC')::date FROM releases b WHERE b.id = r.continues);
    END IF;
    RETURN found;
END
$$;

CREATE TRIGGER releases_measured_inserted AFTER INSERT ON releases FOR EACH ROW
    WHEN (NEW.outcome NOT IN ('started', 'timed_out')) EXECUTE FUNCTION measured_days_open();
CREATE TRIGGER releases_measured_updated AFTER UPDATE ON releases FOR EACH ROW
    WHEN (NEW.outcome NOT IN ('started', 'timed_out')) EXECUTE FUNCTION measured_days_open();
CREATE TRIGGER releases_measured_deleted AFTER DELETE ON releases FOR EACH ROW
    WHEN (OLD.outcome NOT IN ('started', 'timed_out')) EXECUTE FUNCTION measured_days_open();
