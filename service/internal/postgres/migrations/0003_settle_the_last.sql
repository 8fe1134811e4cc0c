-- What a release is to those before it, each in a function of its own, and a short way for the commonest: the last of its
-- service in an environment, from which nothing follows but for itself.
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

CREATE OR REPLACE FUNCTION releases_settle(written uuid) RETURNS void LANGUAGE plpgsql AS $$
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
