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

-- What is known of the new indexes, else nothing until the database finds the time.
ANALYZE releases;
ANALYZE release_facets;
