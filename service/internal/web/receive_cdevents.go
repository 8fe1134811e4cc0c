package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// cloudEventsMedia is that of an event in structured mode.
const cloudEventsMedia = "application/cloudevents+json"

// cdEvent is an event about a service, https://cdevents.dev/docs/continuous-deployment/, alone, as in the binary mode of
// CloudEvents, or as the data of an event in structured mode.
type cdEvent struct {
	Data    json.RawMessage `json:"data"` // of a CloudEvent
	Context struct {
		Type      string     `json:"type"`
		Source    string     `json:"source"`
		Timestamp *time.Time `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string `json:"id"`
		Content struct {
			Environment struct {
				ID string `json:"id"`
			} `json:"environment"`
			ArtifactID string `json:"artifactId"` // a package URL
		} `json:"content"`
	} `json:"subject"`
}

// receiveCDEvents records what became of services. Events about anything else are passed over.
func (a *API) receiveCDEvents(w http.ResponseWriter, r *http.Request) error {
	var e cdEvent
	if err := readEvent(w, r, &e, cloudEventsMedia); err != nil {
		return err
	}
	if len(e.Data) > 0 {
		data := e.Data
		e = cdEvent{}
		if err := decodeEvent(data, &e); err != nil {
			return err
		}
	}
	return a.take(w, r, e.news())
}

func (e cdEvent) news() (all news) {
	about := cmp.Or(e.Subject.ID, "service")
	predicate, known := strings.CutPrefix(e.Context.Type, "dev.cdevents.service.")
	if !known {
		return all
	}
	predicate, _, _ = strings.Cut(predicate, ".")
	name, track := trackOf(path.Base(e.Subject.ID))
	p := release.Place{Service: nameOf(name), Environment: nameOf(path.Base(e.Subject.Content.Environment.ID)), Track: track}
	if p.Service == "" || p.Environment == "" {
		all.skip(about, "subject.id and subject.content.environment.id are required")
		return all
	}
	if e.Context.Timestamp == nil {
		all.skip(about, "context.timestamp is required")
		return all
	}
	actor := cmp.Or(e.Context.Source, "cdevents")
	switch predicate {
	case "removed":
		all.removed = append(all.removed, removal{about: about, place: p, at: *e.Context.Timestamp, actor: actor})
	case "deployed", "upgraded", "rolledback":
		// A rollback names what it went back to. What it took back is found by that.
		version, revision, ok := splitPackageURL(e.Subject.Content.ArtifactID)
		if !ok {
			all.skip(about, "subject.content.artifactId is no package URL with a version")
			return all
		}
		all.told = append(all.told, told{about: about, draft: release.Draft{
			Service: p.Service, Environment: p.Environment, Track: p.Track, Version: version, Revision: revision,
			Artifact: e.Subject.Content.ArtifactID, Actor: actor, Outcome: release.Succeeded,
			StartedAt: e.Context.Timestamp, FinishedAt: e.Context.Timestamp,
		}})
	}
	return all
}

// splitPackageURL is what a package URL says of a version, such as pkg:oci/shop@sha256%3A0123…?tag=1.2.0: the tag, or
// else the version, and the version, or else the tag.
func splitPackageURL(s string) (version, revision string, ok bool) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return "", "", false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		if v, err := url.PathUnescape(rest[i+1:]); err == nil {
			revision = v
		}
	}
	if q, err := url.ParseQuery(query); err == nil {
		version = q.Get("tag")
	}
	version, revision = cmp.Or(version, revision), cmp.Or(revision, version)
	return version, revision, version != ""
}
