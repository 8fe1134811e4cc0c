-- What the page looks for: the releases of a person, who there is, what is under way and what failed last.
CREATE INDEX releases_newest_of_actor ON releases (actor, started_at DESC, id DESC);
CREATE INDEX releases_newest_of_outcome ON releases (outcome, started_at DESC, id DESC);
