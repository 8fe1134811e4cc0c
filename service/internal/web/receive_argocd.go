package web

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// notification is what the notification template of Argo CD sends about one sync of one Application. The comments
// name the fields of the Application that it is filled from.
type notification struct {
	App         string     `json:"app"`          // metadata.name
	Environment string     `json:"environment"`  // spec.destination.name: clusters are registered by environment
	Phase       string     `json:"phase"`        // status.operationState.phase
	Health      string     `json:"health"`       // status.health.status
	Revision    string     `json:"revision"`     // status.operationState.syncResult.revision
	Actor       string     `json:"actor"`        // status.operationState.operation.initiatedBy.username; "" when automated
	CommittedAt *time.Time `json:"committed_at"` // repo.GetCommitMetadata of the revision
	StartedAt   *time.Time `json:"started_at"`   // status.operationState.startedAt
	FinishedAt  *time.Time `json:"finished_at"`  // status.operationState.finishedAt, null while it runs

	// Deployments are those of status.operationState.syncResult.resources: what the sync applied. What runs
	// (status.summary.images) still holds the old version during a rollout, and says nothing of tracks.
	Deployments []deployment `json:"deployments"`
}

type deployment struct {
	Name   string   `json:"name"`
	Images []string `json:"images"`
}

// releaseList is the releases that a notification told of.
type releaseList struct {
	Releases []release.Release `json:"releases"`
}

// maxDeployments of one notification. Each costs a transaction.
const maxDeployments = 20

// receiveArgoCD records what a sync brought: one release for each Deployment. Argo CD delivers a notification at
// least once; the start of the sync, which is part of a release's identity, makes every delivery mean the same
// release. A delivery that fails half way is completed by the next.
func (a *API) receiveArgoCD(w http.ResponseWriter, r *http.Request) error {
	if err := a.keys.authorize(r); err != nil {
		return err
	}
	var n notification
	if err := decodeBody(w, r, a.maxBody, &n); err != nil {
		return err
	}
	drafts, faults := n.drafts(a.now())
	if len(faults) > 0 {
		return invalid(faults...)
	}
	out := releaseList{Releases: []release.Release{}}
	for _, d := range drafts {
		recorded, _, err := a.ledger.Record(r.Context(), d, "")
		if err != nil {
			return err
		}
		out.Releases = append(out.Releases, recorded)
	}
	return answer(w, http.StatusOK, out)
}

// drafts are the releases that n tells of. Without a Deployment there are none: a sync that changes only a quota
// is no release.
func (n notification) drafts(now time.Time) ([]release.Draft, []fault) {
	var faults []fault
	if n.App == "" {
		faults = append(faults, fault{Pointer: "#/app", Detail: "is required"})
	}
	outcome, f := n.outcome()
	if f != nil {
		faults = append(faults, *f)
	}
	if len(n.Deployments) > maxDeployments {
		return nil, append(faults, fault{Pointer: "#/deployments", Detail: fmt.Sprintf("must be at most %d", maxDeployments)})
	}
	actor := n.Actor
	if actor == "" {
		actor = "argocd/" + n.App
	}
	var drafts []release.Draft
	seen := map[string]bool{}
	for i, dep := range n.Deployments {
		at := "#/deployments/" + strconv.Itoa(i)
		if seen[dep.Name] {
			faults = append(faults, fault{Pointer: at + "/name", Detail: "occurs more than once"})
			continue
		}
		seen[dep.Name] = true
		service, track := serviceOf(dep.Name)
		version, ok := versionOf(service, dep.Images)
		if !ok {
			faults = append(faults, fault{Pointer: at + "/images", Detail: "must hold one image that is named like the service, or one image alone, with a tag"})
			continue
		}
		d := release.Draft{
			Service: service, Environment: n.Environment, Track: track,
			Version: version, Revision: n.Revision, Actor: actor, Outcome: outcome,
			CommittedAt: n.CommittedAt, StartedAt: n.StartedAt,
		}
		if outcome.Ended() {
			d.FinishedAt = n.FinishedAt
		}
		d = d.Normal()
		faults = append(faults, draftFaults(d.Validate(now), at, faults)...)
		drafts = append(drafts, d)
	}
	return drafts, faults
}

// outcome of a sync: it has succeeded when what it applied is healthy as well, and is under way until then.
func (n notification) outcome() (release.Outcome, *fault) {
	switch n.Phase {
	case "Running", "Terminating":
		return release.Started, nil
	case "Failed", "Error":
		return release.Failed, nil
	case "Succeeded":
	default:
		return "", &fault{Pointer: "#/phase", Detail: "must be Running, Terminating, Succeeded, Failed or Error"}
	}
	switch n.Health {
	case "Healthy":
		return release.Succeeded, nil
	case "Degraded":
		return release.Failed, nil
	case "Progressing", "Suspended", "Missing", "Unknown":
		return release.Started, nil
	default:
		return "", &fault{Pointer: "#/health", Detail: "must be Healthy, Progressing, Degraded, Suspended, Missing or Unknown"}
	}
}

// serviceOf splits the name of a Deployment as the manifests build it: the service, and -canary for that track.
func serviceOf(name string) (string, release.Track) {
	if service, ok := strings.CutSuffix(name, "-canary"); ok {
		return service, release.Canary
	}
	return name, release.Stable
}

// versionOf is the tag of the service's own image among those of its pod.
func versionOf(service string, images []string) (string, bool) {
	var own []string
	for _, image := range images {
		if repository, _ := splitImage(image); path.Base(repository) == service {
			own = append(own, image)
		}
	}
	if len(own) == 0 {
		own = images
	}
	if len(own) != 1 {
		return "", false
	}
	_, tag := splitImage(own[0])
	return tag, tag != ""
}

// splitImage is repository and tag of an image reference; a digest is left out, a port is no tag.
func splitImage(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, ""
}

// draftFaults are the faults of err, which Draft.Validate returned, at the fields that the client sent. What
// several Deployments share is named once.
func draftFaults(err error, at string, known []fault) []fault {
	e, ok := errors.AsType[*release.Invalid](err)
	if !ok {
		return nil
	}
	var faults []fault
	for _, f := range e.Faults {
		out := fault{Pointer: "#/" + f.Field, Detail: f.Message}
		switch f.Field {
		case "service", "track":
			out.Pointer = at + "/name"
		case "version":
			out.Pointer = at + "/images"
		case "outcome":
			continue // named already, at phase or health
		}
		if !slices.Contains(known, out) {
			faults = append(faults, out)
		}
	}
	return faults
}
