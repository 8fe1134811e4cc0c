-- The ledger: releases as they are now, and how each came to be so. The constraints say again what package release
-- checks, so that nothing that reaches the database by another way can break the arithmetic. Text is compared by
-- bytes, so that the order of a page depends on no locale.

CREATE TABLE releases (
    id           uuid        PRIMARY KEY,
    service      text        COLLATE "C" NOT NULL CHECK (char_length(service) <= 63 AND service ~ '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'),
    environment  text        COLLATE "C" NOT NULL CHECK (char_length(environment) <= 63 AND environment ~ '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'),
    track        text        COLLATE "C" NOT NULL CHECK (track IN ('stable', 'canary')),
    version      text        COLLATE "C" NOT NULL CHECK (char_length(version) <= 128 AND version ~ '^[A-Za-z0-9][-A-Za-z0-9._+:@/]*$'),
    revision     text        COLLATE "C" NOT NULL CHECK (revision ~ '^[0-9a-f]{7,64}$'),
    actor        text        NOT NULL CHECK (char_length(actor) BETWEEN 1 AND 256 AND btrim(actor) = actor),
    outcome      text        COLLATE "C" NOT NULL CHECK (outcome IN ('started', 'succeeded', 'failed', 'rolled_back')),
    committed_at timestamptz CHECK (committed_at >= '2000-01-01 00:00:00Z' AND committed_at <= started_at),
    started_at   timestamptz NOT NULL CHECK (started_at >= '2000-01-01 00:00:00Z' AND started_at < '10000-01-01 00:00:00Z'),
    succeeded_at timestamptz CHECK (succeeded_at >= started_at AND succeeded_at <= finished_at),
    finished_at  timestamptz CHECK (finished_at >= started_at AND finished_at < '10000-01-01 00:00:00Z'),
    recorded_at  timestamptz NOT NULL,

    CONSTRAINT releases_said_once UNIQUE (service, environment, track, version, revision, started_at),
    CONSTRAINT releases_end_has_a_time CHECK ((outcome = 'started') = (finished_at IS NULL)),
    CONSTRAINT releases_success_has_a_time CHECK (CASE outcome
        WHEN 'succeeded'   THEN succeeded_at IS NOT NULL AND succeeded_at = finished_at
        WHEN 'rolled_back' THEN true
        ELSE succeeded_at IS NULL
    END)
);

-- Pages, whole and by the two commonest filters.
CREATE INDEX releases_newest ON releases (started_at DESC, id DESC);
CREATE INDEX releases_newest_of_service ON releases (service, started_at DESC, id DESC);
CREATE INDEX releases_newest_in_environment ON releases (environment, started_at DESC, id DESC);
-- What runs where: one probe a place, however long its history.
CREATE INDEX releases_running ON releases (service, environment, track, succeeded_at DESC, id DESC) WHERE outcome = 'succeeded';
-- The measures: by the moment at which a release counts as a deployment.
CREATE INDEX releases_deployed ON releases (environment, (coalesce(succeeded_at, finished_at))) WHERE outcome <> 'started';

-- What was said of a release, in order: one row an outcome, since no outcome comes twice.
CREATE TABLE release_transitions (
    release_id   uuid        NOT NULL REFERENCES releases,
    outcome      text        COLLATE "C" NOT NULL CHECK (outcome IN ('started', 'succeeded', 'failed', 'rolled_back')),
    actor        text        NOT NULL,
    committed_at timestamptz,
    finished_at  timestamptz,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (release_id, outcome)
);

-- The first answer to an idempotency key, for as long as clients may repeat themselves.
CREATE TABLE idempotency_keys (
    key         text        COLLATE "C" PRIMARY KEY CHECK (key ~ '^[!-~]{1,255}$'),
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    release_id  uuid        NOT NULL REFERENCES releases,
    answer      jsonb       NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (recorded_at);

CREATE FUNCTION releases_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.service, NEW.environment, NEW.track, NEW.version, NEW.revision, NEW.actor, NEW.started_at, NEW.recorded_at)
        IS DISTINCT FROM
       (OLD.id, OLD.service, OLD.environment, OLD.track, OLD.version, OLD.revision, OLD.actor, OLD.started_at, OLD.recorded_at)
    THEN
        RAISE EXCEPTION 'release %: what names it never changes', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NOT (OLD.outcome = 'started' AND NEW.outcome IN ('succeeded', 'failed', 'rolled_back')
            OR OLD.outcome = 'succeeded' AND NEW.outcome = 'rolled_back')
    THEN
        RAISE EXCEPTION 'release %: % cannot become %', OLD.id, OLD.outcome, NEW.outcome USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER releases_guard BEFORE UPDATE ON releases FOR EACH ROW EXECUTE FUNCTION releases_guard();

CREATE FUNCTION release_transitions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'release_transitions is append-only' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER release_transitions_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON release_transitions
    FOR EACH STATEMENT EXECUTE FUNCTION release_transitions_guard();
