-- Searches. What there is of each kind of release, so that one for what is not there ends at once, and one for what is rare goes
-- straight to it, along releases_of_facet, however long the history between is. A facet stays when its releases are forgotten.
CREATE TABLE release_facets (
    service     text COLLATE "C" NOT NULL,
    environment text COLLATE "C" NOT NULL,
    track       text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    outcome     text COLLATE "C" NOT NULL,
    PRIMARY KEY (service, environment, track, kind, outcome)
);
CREATE INDEX release_facets_in_environment ON release_facets (environment, outcome);
INSERT INTO release_facets SELECT DISTINCT service, environment, track, kind, outcome FROM releases;

CREATE INDEX releases_of_facet ON releases (service, environment, track, kind, outcome, started_at DESC, id DESC);
CREATE INDEX releases_of_facet_and_actor ON releases (actor, service, environment, track, kind, outcome, started_at DESC, id DESC);
CREATE INDEX releases_newest_of_version ON releases (version, started_at DESC, id DESC);

CREATE FUNCTION release_facets_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM release_facets f WHERE f.service = NEW.service AND f.environment = NEW.environment AND f.track = NEW.track
        AND f.kind = NEW.kind AND f.outcome = NEW.outcome;
    IF NOT FOUND THEN
        INSERT INTO release_facets VALUES (NEW.service, NEW.environment, NEW.track, NEW.kind, NEW.outcome) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER release_facets_inserted AFTER INSERT ON releases FOR EACH ROW EXECUTE FUNCTION release_facets_grow();
CREATE TRIGGER release_facets_updated AFTER UPDATE ON releases FOR EACH ROW
    WHEN (OLD.outcome IS DISTINCT FROM NEW.outcome OR OLD.kind IS DISTINCT FROM NEW.kind) EXECUTE FUNCTION release_facets_grow();

-- As before, but that the success before is one step along an index, and not the greatest of all that an index has of the place.
CREATE OR REPLACE FUNCTION measured_days_open() RETURNS trigger LANGUAGE plpgsql
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

-- What is known of the new indexes, else nothing until the database finds the time.
ANALYZE releases;
ANALYZE release_facets;
