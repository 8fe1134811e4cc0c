-- Hours, measured, as measured_days has days: those of a day that is not over, so that what such a day costs does not grow with it.
-- An hour without rows is open; whoever changes something that it is made of opens it again. The table can be emptied at any time.
CREATE TABLE measured_hours (
    environment text        COLLATE "C" NOT NULL,
    hour        timestamptz NOT NULL, -- when it begins, in UTC
    service     text        COLLATE "C" NOT NULL, -- the rest as in measured_days
    team        text        COLLATE "C" NOT NULL,
    deployments integer     NOT NULL,
    failures    integer     NOT NULL,
    deployed_at bytea       NOT NULL,
    restores    bytea       NOT NULL,
    restores_of bytea       NOT NULL,
    leads       bytea       NOT NULL,
    leads_of    bytea       NOT NULL,
    PRIMARY KEY (environment, service, team, hour)
);
CREATE INDEX measured_hours_to_open ON measured_hours (environment, hour);

-- One row has changed, of those around it none: the days and hours that it, or what it was, has a say in. Its delivery counts when
-- one of its members does. Of a change, the first success counts. A success restores what has failed in its place since the one
-- before. Who measures a day or an hour holds its lock alone, so that no change is overlooked.
CREATE OR REPLACE FUNCTION measured_days_open() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    place   text := coalesce(NEW.environment, OLD.environment);
    r       releases;
    other   releases;
    failure releases;
    since   timestamptz;
    moments timestamptz[];
    each    timestamptz;
    of_day  date;
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
        moments := moments || releases_counted_at(r) || measured_beside(r);
        CONTINUE WHEN r.succeeded_at IS NULL;

        SELECT * INTO other FROM releases b
            WHERE b.environment = r.environment AND b.service = r.service AND b.change = r.change
                AND b.kind = 'deployment' AND b.succeeded_at IS NOT NULL AND b.id <> r.id
            ORDER BY b.succeeded_at LIMIT 1;
        IF FOUND AND (other.succeeded_at >= r.succeeded_at OR r.committed_at IS NOT NULL
            AND (other.committed_at IS NULL OR r.committed_at < other.committed_at))
        THEN
            moments := moments || other.succeeded_at;
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
            moments := moments || releases_counted_at(failure) || measured_beside(failure);
        END LOOP;
    END LOOP;

    FOR each IN SELECT DISTINCT date_trunc('hour', m, 'UTC') AS hour FROM unnest(moments) m WHERE m IS NOT NULL ORDER BY hour LOOP
        of_day := (each AT TIME ZONE 'UTC')::date;
        PERFORM pg_advisory_xact_lock_shared(hashtext(place), of_day - '2000-01-01'::date),
            pg_advisory_xact_lock_shared(hashtext(place), measured_hours_lock(each));
        -- Else what was measured since this transaction began would not be seen: here it is a serialization failure.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            INSERT INTO measured_days VALUES (place, of_day, '', '', 0, 0, '', '', '', '', '')
                ON CONFLICT (environment, day, service, team) DO UPDATE SET deployments = 0;
            INSERT INTO measured_hours VALUES (place, each, '', '', 0, 0, '', '', '', '', '')
                ON CONFLICT (environment, service, team, hour) DO UPDATE SET deployments = 0;
        END IF;
        WITH of_days AS (DELETE FROM measured_days WHERE environment = place AND day = of_day)
        DELETE FROM measured_hours WHERE environment = place AND hour = each;
    END LOOP;
    RETURN NULL;
END
$$;

-- The number of the lock of an hour, below zero, where those of days are not. Hours two days apart share one: what changes a long
-- history holds few.
CREATE FUNCTION measured_hours_lock(hour timestamptz) RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT -1 - (floor(extract(epoch FROM hour) / 3600)::bigint % 48)::integer
$$;

-- When the other members of the delivery of a release count.
CREATE FUNCTION measured_beside(r releases) RETURNS timestamptz[] LANGUAGE plpgsql AS $$
DECLARE
    found timestamptz[];
BEGIN
    SELECT array_agg(releases_counted_at(b)) INTO found FROM releases b
        WHERE b.continues = coalesce(r.continues, r.id) AND b.id <> r.id;
    IF r.continues IS NOT NULL THEN
        found := found || (SELECT releases_counted_at(b) FROM releases b WHERE b.id = r.continues);
    END IF;
    RETURN found;
END
$$;
DROP FUNCTION measured_days_beside(releases);
