-- The state of a release, from what was said of it and from the releases around it. What is said stays as it was: a row
-- of release_transitions an outcome. What follows from the neighbours is worked out here, whichever way they come in
-- and in whatever order: which releases change what runs, which go on with a delivery, and which take one back.
ALTER TABLE releases
    ADD COLUMN artifact       text COLLATE "C" CHECK (char_length(artifact) BETWEEN 1 AND 512),
    ADD COLUMN team           text COLLATE "C" CHECK (char_length(team) <= 63 AND team ~ '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'),
    -- A failure stays known when the release recovers.
    ADD COLUMN failed_at      timestamptz CHECK (failed_at >= started_at),
    -- A configuration sync brings to a place what runs there already.
    ADD COLUMN kind           text COLLATE "C" NOT NULL DEFAULT 'deployment' CHECK (kind IN ('deployment', 'configuration')),
    -- The release whose delivery this one goes on with on the other track; NULL for one that is a delivery by itself.
    ADD COLUMN continues      uuid,
    -- The release that took this one back; NULL where somebody said so, or nobody did.
    ADD COLUMN rolled_back_by uuid CHECK (rolled_back_by IS NULL OR outcome = 'rolled_back' AND succeeded_at IS NOT NULL),
    -- What a release delivers. Where no artifact tells it, the version and the commit do.
    ADD COLUMN change         text COLLATE "C" GENERATED ALWAYS AS (coalesce(artifact, version || '@' || revision)) STORED;

DROP TRIGGER releases_guard ON releases;

ALTER TABLE releases
    DROP CONSTRAINT releases_outcome_check,
    ADD CONSTRAINT releases_outcome_check CHECK (outcome IN ('started', 'timed_out', 'failed', 'succeeded', 'rolled_back', 'removed')),
    -- A commit, the version of a chart, or a digest.
    DROP CONSTRAINT releases_revision_check,
    ADD CONSTRAINT releases_revision_check CHECK (char_length(revision) <= 128
        AND revision ~ '^([0-9a-f]{7,64}|v?[0-9]+[.][0-9][-0-9A-Za-z.+]*|sha(1:[0-9a-f]{40}|256:[0-9a-f]{64}))$'),
    DROP CONSTRAINT releases_success_has_a_time,
    ADD CONSTRAINT releases_success_has_a_time CHECK (CASE outcome
        WHEN 'succeeded'   THEN succeeded_at IS NOT NULL AND succeeded_at = finished_at
        WHEN 'rolled_back' THEN true
        WHEN 'removed'     THEN true
        ELSE succeeded_at IS NULL
    END),
    -- A build from before there was failed_at leaves it out.
    ADD CONSTRAINT releases_failure_has_a_time CHECK (failed_at IS NULL OR CASE outcome
        WHEN 'started'   THEN false
        WHEN 'timed_out' THEN false
        WHEN 'failed'    THEN failed_at = finished_at
        ELSE failed_at <= coalesce(succeeded_at, finished_at)
    END);

ALTER TABLE release_transitions
    DROP CONSTRAINT release_transitions_outcome_check,
    ADD CONSTRAINT release_transitions_outcome_check CHECK (outcome IN ('started', 'timed_out', 'failed', 'succeeded', 'rolled_back', 'removed'));

UPDATE releases SET failed_at = finished_at WHERE outcome = 'failed';

-- What ran in a place, the latest first, and what was tried there.
DROP INDEX releases_running;
CREATE INDEX releases_ran ON releases (service, environment, track, succeeded_at DESC, id DESC)
    WHERE kind = 'deployment' AND succeeded_at IS NOT NULL;
CREATE INDEX releases_tried ON releases (service, environment, track, started_at DESC, id DESC) WHERE kind = 'deployment';
-- Those after one, in the order in which they are gone through.
CREATE INDEX releases_in_order ON releases (service, environment, started_at, track, id);
-- The first success of a change, and whether one ran before.
CREATE INDEX releases_delivered ON releases (environment, service, change, succeeded_at) WHERE kind = 'deployment' AND succeeded_at IS NOT NULL;
-- The rest of a delivery, what a release took back, and what waits for its end.
CREATE INDEX releases_continued ON releases (continues) WHERE continues IS NOT NULL;
CREATE INDEX releases_taken_back ON releases (rolled_back_by) WHERE rolled_back_by IS NOT NULL;
CREATE INDEX releases_under_way ON releases (started_at) WHERE outcome = 'started';

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
        -- What followed from another release may cease to.
        WHEN 'rolled_back' THEN OLD.rolled_back_by IS NOT NULL AND NEW.outcome = 'succeeded'
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
CREATE TRIGGER releases_guard BEFORE UPDATE ON releases FOR EACH ROW EXECUTE FUNCTION releases_guard();

-- Who writes to a service in an environment takes this lock before any row, so that writers wait for each other and never
-- in a ring.
CREATE FUNCTION releases_lock(of_service text, in_environment text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtext(of_service), hashtext(in_environment))
$$;

-- What comes after a success in its place and may follow from it: the next successes up to one that stayed, and those of
-- the same change, since a return to it takes back what came between. A canary also returns to what its stable half runs.
CREATE FUNCTION releases_following(r releases) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    n     record;
    found uuid[];
BEGIN
    FOR n IN SELECT id, outcome FROM releases b
        WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track AND b.kind = 'deployment'
            AND b.succeeded_at IS NOT NULL AND (b.succeeded_at, b.id) > (r.succeeded_at, r.id)
        ORDER BY b.succeeded_at, b.id
    LOOP
        found := found || n.id;
        EXIT WHEN n.outcome IN ('succeeded', 'removed');
    END LOOP;
    FOR n IN SELECT id FROM releases b
        WHERE b.environment = r.environment AND b.service = r.service AND b.change = r.change AND b.kind = 'deployment'
            AND b.succeeded_at IS NOT NULL AND b.succeeded_at >= r.succeeded_at AND b.id <> r.id AND b.track IN (r.track, 'canary')
    LOOP
        found := found || n.id;
    END LOOP;
    IF r.track = 'stable' THEN
        FOR n IN SELECT id FROM releases b
            WHERE b.environment = r.environment AND b.service = r.service AND b.kind = 'deployment' AND b.track = 'canary'
                AND b.succeeded_at IS NOT NULL AND b.succeeded_at >= r.succeeded_at
                AND b.change = (SELECT x.change FROM releases x
                    WHERE x.service = r.service AND x.environment = r.environment AND x.track = 'stable' AND x.kind = 'deployment'
                        AND x.succeeded_at IS NOT NULL AND (x.succeeded_at, x.id) < (r.succeeded_at, r.id)
                    ORDER BY x.succeeded_at DESC, x.id DESC LIMIT 1)
        LOOP
            found := found || n.id;
        END LOOP;
    END IF;
    RETURN found;
END
$$;

-- What a release is to those that began before it: whether it brings what runs already, and whose delivery it goes on with.
CREATE FUNCTION releases_standing(r releases, OUT is_kind text, OUT goes_on uuid) LANGUAGE plpgsql AS $$
DECLARE
    earlier releases;
    beside  releases;
BEGIN
    is_kind := 'deployment';
    goes_on := NULL;
    SELECT * INTO earlier FROM releases b
        WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track AND b.kind = 'deployment'
            AND (b.started_at, b.id) < (r.started_at, r.id)
        ORDER BY b.started_at DESC, b.id DESC LIMIT 1;
    -- It ran already, and nobody has said that it ceased to. An artifact is compared with an artifact; who names none is
    -- believed.
    IF earlier.succeeded_at <= r.started_at
        AND (earlier.outcome = 'succeeded' OR earlier.rolled_back_by IS NOT NULL OR earlier.finished_at > r.started_at)
        AND (earlier.change = r.change OR earlier.version = r.version AND (earlier.artifact IS NULL) <> (r.artifact IS NULL))
    THEN
        is_kind := 'configuration';
    ELSE
        SELECT * INTO beside FROM releases b
            WHERE b.service = r.service AND b.environment = r.environment AND b.kind = 'deployment'
                AND b.track = CASE r.track WHEN 'stable' THEN 'canary' ELSE 'stable' END
                AND b.started_at < r.started_at + CASE r.track WHEN 'stable' THEN interval '1 us' ELSE interval '0' END
            ORDER BY b.started_at DESC, b.id DESC LIMIT 1;
        IF (beside.change = r.change OR beside.version = r.version AND (beside.artifact IS NULL) <> (r.artifact IS NULL))
            AND (beside.outcome IN ('started', 'succeeded') OR beside.rolled_back_by IS NOT NULL
                OR beside.finished_at > r.started_at OR beside.started_at = r.started_at)
        THEN
            goes_on := coalesce(beside.continues, beside.id);
        END IF;
    END IF;
END
$$;

-- The release that ran when r came, where r brings again what ran before that.
CREATE FUNCTION releases_takes_back(r releases) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    earlier releases;
BEGIN
    IF r.kind <> 'deployment' THEN
        RETURN NULL;
    END IF;
    SELECT * INTO earlier FROM releases b
        WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track AND b.kind = 'deployment'
            AND b.succeeded_at IS NOT NULL AND (b.succeeded_at, b.id) < (r.succeeded_at, r.id)
            AND (b.outcome IN ('succeeded', 'removed') OR b.finished_at > r.succeeded_at OR b.rolled_back_by = r.id)
        ORDER BY b.succeeded_at DESC, b.id DESC LIMIT 1;
    IF earlier.change <> r.change AND (earlier.outcome = 'succeeded' OR earlier.rolled_back_by IS NOT NULL)
        AND (EXISTS (SELECT FROM (SELECT b.track, b.succeeded_at, b.id, b.outcome, b.rolled_back_by, b.finished_at FROM releases b
                WHERE b.environment = r.environment AND b.service = r.service AND b.change = r.change
                    AND b.kind = 'deployment' AND b.succeeded_at IS NOT NULL OFFSET 0) x -- by the change, of which there are few
                WHERE x.track = r.track AND (x.succeeded_at, x.id) < (earlier.succeeded_at, earlier.id)
                    AND (x.outcome = 'succeeded' OR x.rolled_back_by IS NOT NULL AND x.finished_at > r.succeeded_at))
            OR r.track = 'canary' AND r.change = (SELECT x.change FROM releases x
                WHERE x.service = r.service AND x.environment = r.environment AND x.track = 'stable'
                    AND x.kind = 'deployment' AND x.succeeded_at IS NOT NULL AND x.succeeded_at < earlier.succeeded_at
                ORDER BY x.succeeded_at DESC, x.id DESC LIMIT 1))
    THEN
        RETURN earlier.id;
    END IF;
    RETURN NULL;
END
$$;

-- releases_settle works out anew what follows from a release that was written: for itself, and for those after it as far as
-- that reaches. It looks at the times that were said, never at the order in which they came in.
CREATE FUNCTION releases_settle(written uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first   releases;
    r       releases;
    earlier releases;
    is_kind text;
    goes_on uuid;
    waiting text[];  -- tracks of which a release after a changed one is still to come
    touched uuid[];
    todo    uuid[];
    each_id uuid;
    took    uuid;
    before  uuid;
BEGIN
    SELECT * INTO first FROM releases WHERE id = written;

    -- The last of its service there, in start and success: nothing follows from it but for itself.
    IF NOT EXISTS (SELECT FROM releases b WHERE b.service = first.service AND b.environment = first.environment
            AND (b.started_at, b.track, b.id) > (first.started_at, first.track, first.id))
        AND (first.succeeded_at IS NULL
            OR NOT EXISTS (SELECT FROM releases b WHERE b.service = first.service AND b.environment = first.environment AND b.track = 'stable'
                AND b.kind = 'deployment' AND b.succeeded_at IS NOT NULL AND b.succeeded_at >= first.succeeded_at AND b.id <> first.id)
            AND NOT EXISTS (SELECT FROM releases b WHERE b.service = first.service AND b.environment = first.environment AND b.track = 'canary'
                AND b.kind = 'deployment' AND b.succeeded_at IS NOT NULL AND b.succeeded_at >= first.succeeded_at AND b.id <> first.id))
        AND NOT EXISTS (SELECT FROM releases b WHERE b.rolled_back_by = first.id)
    THEN
        SELECT * INTO is_kind, goes_on FROM releases_standing(first);
        IF is_kind <> first.kind OR goes_on IS DISTINCT FROM first.continues THEN
            UPDATE releases SET kind = is_kind, continues = goes_on WHERE id = first.id;
            first.kind := is_kind;
        END IF;
        IF first.succeeded_at IS NOT NULL THEN
            took := releases_takes_back(first);
            IF took IS NOT NULL THEN
                UPDATE releases SET outcome = 'rolled_back', finished_at = first.succeeded_at, rolled_back_by = first.id WHERE id = took;
            END IF;
        END IF;
        RETURN;
    END IF;

    waiting := ARRAY[first.track];
    touched := ARRAY[first.id];

    FOR r IN SELECT * FROM releases b
        WHERE b.service = first.service AND b.environment = first.environment
            AND (b.started_at, b.track, b.id) >= (first.started_at, first.track, first.id)
        ORDER BY b.started_at, b.track, b.id -- of what began at once, the canary is first, whoever was heard of first
    LOOP
        SELECT * INTO is_kind, goes_on FROM releases_standing(r);
        IF is_kind <> r.kind OR goes_on IS DISTINCT FROM r.continues THEN
            UPDATE releases SET kind = is_kind, continues = goes_on WHERE id = r.id;
            waiting := array_remove(waiting, r.track) || r.track;
            touched := array_remove(touched, r.id) || r.id;
        ELSIF r.id <> first.id AND is_kind = 'deployment' THEN
            waiting := array_remove(waiting, r.track);
            EXIT WHEN cardinality(waiting) = 0;
        END IF;
    END LOOP;

    FOREACH each_id IN ARRAY touched LOOP
        SELECT * INTO r FROM releases WHERE id = each_id;
        IF r.succeeded_at IS NOT NULL THEN
            todo := todo || r.id || releases_following(r);
        END IF;
    END LOOP;

    -- In the order of successes, since what was taken back is nothing to return to.
    WHILE cardinality(todo) > 0 LOOP
        SELECT * INTO r FROM releases WHERE id = ANY(todo) ORDER BY succeeded_at, id LIMIT 1;
        todo := array_remove(todo, r.id);
        took := releases_takes_back(r);
        SELECT id INTO before FROM releases WHERE rolled_back_by = r.id;
        CONTINUE WHEN took IS NOT DISTINCT FROM before;
        UPDATE releases SET outcome = 'succeeded', finished_at = succeeded_at, rolled_back_by = NULL WHERE id = before;
        UPDATE releases SET outcome = 'rolled_back', finished_at = r.succeeded_at, rolled_back_by = r.id WHERE id = took;
        FOR earlier IN SELECT * FROM releases WHERE id IN (took, before) LOOP
            FOR each_id IN SELECT b.id FROM releases b WHERE b.id = ANY(releases_following(earlier) || releases_following(r))
                AND (b.succeeded_at, b.id) > (r.succeeded_at, r.id)
            LOOP
                todo := array_remove(todo, each_id) || each_id;
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

-- Its settings hold it, and what it calls, to indexes: a plan that is made while the ledger is small must not stay when it is
-- large.
CREATE FUNCTION releases_settle_changed() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    p record;
BEGIN
    FOR p IN SELECT id, service, environment FROM changed ORDER BY service, environment, started_at, id LOOP
        PERFORM releases_lock(p.service, p.environment);
        PERFORM releases_settle(p.id);
    END LOOP;
    RETURN NULL;
END
$$;
-- After the statement, when its rows are there; and not by the function's own updates.
CREATE TRIGGER releases_settle_inserted AFTER INSERT ON releases REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION releases_settle_changed();
CREATE TRIGGER releases_settle_updated AFTER UPDATE ON releases REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION releases_settle_changed();

-- Retention alone deletes, and says so.
CREATE OR REPLACE FUNCTION release_transitions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ledger.forget', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'release_transitions is append-only' USING ERRCODE = 'check_violation';
END
$$;
CREATE INDEX idempotency_keys_of_release ON idempotency_keys (release_id);
