package web

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// fluxEvent is what Flux's notification-controller sends to a Provider of type generic,
// https://fluxcd.io/flux/components/notification/providers/#generic-webhook
type fluxEvent struct {
	InvolvedObject struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"involvedObject"`
	Timestamp *time.Time        `json:"timestamp"`
	Reason    string            `json:"reason"`
	Metadata  map[string]string `json:"metadata"` // revision, and what eventMetadata of the Alert adds
}

// fluxOutcomes are the reasons that tell how a reconciliation ended. The others tell of its progress, or of what it waits for.
var fluxOutcomes = map[string]map[string]release.Outcome{
	"Kustomization": {
		"ReconciliationSucceeded": release.Succeeded,
		"ReconciliationFailed":    release.Failed,
		"HealthCheckFailed":       release.Failed,
		"BuildFailed":             release.Failed,
	},
	"HelmRelease": {
		"InstallSucceeded":   release.Succeeded,
		"UpgradeSucceeded":   release.Succeeded,
		"RollbackSucceeded":  release.Succeeded,
		"InstallFailed":      release.Failed,
		"UpgradeFailed":      release.Failed,
		"TestFailed":         release.Failed,
		"UninstallSucceeded": release.Removed,
	},
}

// receiveFlux records what a Kustomization or HelmRelease brought. Flux tries again what failed: that is the same release,
// which recovers.
func (a *API) receiveFlux(w http.ResponseWriter, r *http.Request) error {
	var e fluxEvent
	if err := readEvent(w, r, &e); err != nil {
		return err
	}
	return a.take(w, r, e.news())
}

func (e fluxEvent) news() (all news) {
	o := e.InvolvedObject
	about := o.Kind + "/" + o.Name
	outcome, known := fluxOutcomes[o.Kind][e.Reason]
	if !known {
		return all
	}
	service, track := trackOf(o.Name)
	p := release.Place{Service: nameOf(cmp.Or(e.meta("service"), service)), Track: track,
		Environment: nameOf(cmp.Or(e.meta("environment"), e.meta("env"), e.meta("cluster")))}
	if p.Environment == "" && o.Namespace != "flux-system" && o.Namespace != "default" {
		p.Environment = nameOf(o.Namespace)
	}
	if p.Environment == "" {
		all.skip(about, "eventMetadata of the Alert names no environment, and the namespace is none")
		return all
	}
	if e.Timestamp == nil {
		all.skip(about, "timestamp is required")
		return all
	}
	actor := "flux/" + o.Namespace + "/" + o.Name
	if outcome == release.Removed {
		all.removed = append(all.removed, removal{about: about, place: p, at: *e.Timestamp, actor: actor})
		return all
	}
	name, revision := splitFluxRevision(e.meta("revision"))
	version := cmp.Or(e.meta("version"), e.meta("app-version"))
	d := release.Draft{
		Service: p.Service, Environment: p.Environment, Track: p.Track, Revision: revision, Actor: actor, Outcome: outcome,
		StartedAt: e.Timestamp, FinishedAt: e.Timestamp, Team: nameOf(e.meta("team")),
		// What is named like this is what runs; the revision is that of what configures it.
		Artifact: cmp.Or(e.meta("image"), version),
	}
	switch {
	case version != "":
		d.Version = version
	case d.Artifact != "":
		d.Version = versionOf(d.Artifact)
	case versionLike.MatchString(name):
		d.Version = name // of a chart, or a tag
	default:
		d.Version = revision[:min(len(revision), 12)]
	}
	all.told = append(all.told, told{about: about, draft: d, again: true})
	return all
}

// meta is a value of the metadata, whose keys some releases of Flux write with the group of the object.
func (e fluxEvent) meta(key string) string {
	if v := e.Metadata[key]; v != "" {
		return v
	}
	for k, v := range e.Metadata {
		if strings.HasSuffix(k, ".toolkit.fluxcd.io/"+key) {
			return v
		}
	}
	return ""
}

var versionLike = regexp.MustCompile(`^v?[0-9]+[.][0-9]`)

// splitFluxRevision is the branch, tag or version of a revision and its commit or digest:
// main@sha1:0123…, 6.3.5@sha256:4567…, 6.3.5, or, as earlier releases of Flux had it, main/0123….
func splitFluxRevision(s string) (name, revision string) {
	name, digest, found := strings.Cut(s, "@")
	if found {
		if commit, isCommit := strings.CutPrefix(digest, "sha1:"); isCommit {
			return name, commit
		}
		return name, digest
	}
	if i := strings.LastIndexByte(s, '/'); i >= 0 && commitForm.MatchString(s[i+1:]) {
		return s[:i], s[i+1:]
	}
	return s, s
}
