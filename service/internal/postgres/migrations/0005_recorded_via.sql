-- Through whom a release, and what was said of it later, was recorded: the name of a token, or an issuer and a subject. NULL for what
-- was recorded before, by a build that knows no such thing, or by the ledger itself.
ALTER TABLE releases ADD COLUMN recorded_via text CHECK (char_length(recorded_via) BETWEEN 1 AND 512);
ALTER TABLE release_transitions ADD COLUMN recorded_via text CHECK (char_length(recorded_via) BETWEEN 1 AND 512);

CREATE FUNCTION releases_keep_recorded_via() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'release %: through whom it was recorded never changes', OLD.id USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER releases_keep_recorded_via BEFORE UPDATE OF recorded_via ON releases
    FOR EACH ROW WHEN (NEW.recorded_via IS DISTINCT FROM OLD.recorded_via) EXECUTE FUNCTION releases_keep_recorded_via();
