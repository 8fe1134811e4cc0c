package web

import (
	"cmp"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// notification is what the notification template of Argo CD sends about one sync of one Application. The comments
// name the fields of the Application that it is filled from.
type notification struct {
	App         string            `json:"app"`         // metadata.name
	Labels      applicationLabels `json:"labels"`      // metadata.labels
	Environment string            `json:"environment"` // spec.destination.name: clusters are registered by environment
	Server      string            `json:"server"`      // spec.destination.server
	Namespace   string            `json:"namespace"`   // spec.destination.namespace
	Phase       string            `json:"phase"`       // status.operationState.phase; Deleted where the Application is
	Health      string            `json:"health"`      // status.health.status
	HealthSince *time.Time        `json:"health_since"`
	Revision    string            `json:"revision"`     // status.operationState.syncResult.revision
	Revisions   []string          `json:"revisions"`    // the same of an Application of several sources
	Actor       string            `json:"actor"`        // status.operationState.operation.initiatedBy.username; "" when automated
	CommittedAt *time.Time        `json:"committed_at"` // repo.GetCommitMetadata of the revision
	StartedAt   *time.Time        `json:"started_at"`   // status.operationState.startedAt
	FinishedAt  *time.Time        `json:"finished_at"`  // status.operationState.finishedAt, null while it runs

	// Deployments are the workloads of status.operationState.syncResult.resources: what the sync applied. What runs
	// (status.summary.images) still holds the old version during a rollout, and says nothing of tracks.
	Deployments []workload `json:"deployments"`
	Removed     []workload `json:"removed"` // those that it pruned
}

type applicationLabels struct {
	Environment string `json:"environment"`
	Name        string `json:"name"` // app.kubernetes.io/name
	Team        string `json:"team"`
}

type workload struct {
	Kind      string   `json:"kind"` // Deployment, StatefulSet, DaemonSet or Rollout; "" for a Deployment
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Images    []string `json:"images"`
}

func (w workload) String() string {
	if w.Kind == "" {
		return w.Name
	}
	return w.Kind + "/" + w.Name
}

// receiveArgoCD records what a sync brought and took away: one release for each workload. Argo CD delivers a notification
// at least once; the start of the sync, which is part of a release's identity, makes every delivery mean the same
// release. A delivery that fails half way is completed by the next.
func (a *API) receiveArgoCD(w http.ResponseWriter, r *http.Request) error {
	var n notification
	if err := readEvent(w, r, &n); err != nil {
		return err
	}
	return a.take(w, r, n.news())
}

// news are the releases that n tells of. Without a workload there are none: a sync that changes only a quota is no
// release.
func (n notification) news() (all news) {
	about := cmp.Or(n.App, "the Application")
	outcome, why := n.outcome()
	if why != "" {
		all.skip(about, why)
		return all
	}
	actor := cmp.Or(n.Actor, "argocd/"+n.App)
	seen := map[release.Place]workload{}
	for _, w := range n.Deployments {
		p, ok := n.place(w)
		if !ok {
			all.skip(w.String(), "neither the cluster, a label environment of the Application nor a namespace says which environment it is in")
			continue
		}
		if other, known := seen[p]; known {
			all.skip(w.String(), "is in the same place as "+other.String()+": "+p.Service+" in "+p.Environment)
			continue
		}
		seen[p] = w
		image := ownImage(w.Name, p.Service, w.Images)
		if image == "" {
			all.skip(w.String(), "has no image")
			continue
		}
		d := release.Draft{
			Service: p.Service, Environment: p.Environment, Track: p.Track,
			Version: versionOf(image), Revision: n.revision(), Actor: actor, Outcome: outcome,
			CommittedAt: n.CommittedAt, StartedAt: n.StartedAt, Artifact: image, Team: nameOf(n.Labels.Team),
		}
		if outcome.Ended() {
			d.FinishedAt = n.ended()
		}
		all.told = append(all.told, told{about: w.String(), draft: d})
	}
	for _, w := range n.Removed {
		p, ok := n.place(w)
		switch {
		case !ok:
			all.skip(w.String(), "neither the cluster, a label environment of the Application nor a namespace says which environment it was in")
		case n.FinishedAt == nil && outcome == release.Started:
			// When the sync has ended, it tells of this again, and when it was.
		case n.FinishedAt == nil:
			all.skip(w.String(), "finished_at is required where something was removed")
		default:
			all.removed = append(all.removed, removal{about: w.String(), place: p, at: *n.FinishedAt, actor: actor})
		}
	}
	return all
}

// outcome of a sync: it has succeeded when what it applied is healthy as well, and is under way until then.
func (n notification) outcome() (release.Outcome, string) {
	switch n.Phase {
	case "Running", "Terminating":
		return release.Started, ""
	case "Failed", "Error":
		return release.Failed, ""
	case "Deleted":
		return release.Removed, ""
	case "Succeeded":
	default:
		return "", "phase must be Running, Terminating, Succeeded, Failed, Error or Deleted"
	}
	switch n.Health {
	case "Healthy":
		return release.Succeeded, ""
	case "Degraded":
		return release.Failed, ""
	case "Progressing", "Suspended", "Missing", "Unknown":
		return release.Started, ""
	default:
		return "", "health must be Healthy, Progressing, Degraded, Suspended, Missing or Unknown"
	}
}

// ended is when the outcome came about: with the sync, or with the health that came after it.
func (n notification) ended() *time.Time {
	if n.Phase == "Succeeded" && n.FinishedAt != nil && n.HealthSince != nil && n.HealthSince.After(*n.FinishedAt) {
		return n.HealthSince
	}
	return n.FinishedAt
}

var commitForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// revision is that of the one source, or of the first source in git, or else of the first.
func (n notification) revision() string {
	if n.Revision != "" || len(n.Revisions) == 0 {
		return n.Revision
	}
	if i := slices.IndexFunc(n.Revisions, commitForm.MatchString); i >= 0 {
		return n.Revisions[i]
	}
	return n.Revisions[0]
}

// place is where a workload is. The environment is the name of the cluster, unless that is none, as for a cluster that is
// known by its address or is the one that Argo CD runs in; then the Application's label says it, or the namespace.
func (n notification) place(w workload) (p release.Place, ok bool) {
	namespace := cmp.Or(w.Namespace, n.Namespace)
	name, track := trackOf(w.Name)
	p = release.Place{Service: name, Track: track}
	if !telling(name) {
		p.Service = nameOf(name)
		for _, other := range []string{n.Labels.Name, namespace} {
			if telling(other) {
				p.Service = other
				break
			}
		}
	}
	for _, e := range []string{n.Environment, n.Labels.Environment, nameOf(n.Labels.Environment), namespace} {
		if release.ValidName(e) && e != "in-cluster" && e != "default" {
			p.Environment = e
			break
		}
	}
	return p, p.Environment != "" && p.Service != ""
}

// telling reports whether a name tells one service from others.
func telling(name string) bool {
	switch name {
	case "app", "application", "default", "deployment", "main", "server", "workload":
		return false
	}
	return release.ValidName(name)
}

// trackOf splits the name of a workload as the manifests build it: the service, and -canary for that track.
func trackOf(name string) (string, release.Track) {
	if service, ok := strings.CutSuffix(name, "-canary"); ok {
		return service, release.Canary
	}
	return name, release.Stable
}

// sidecars are images that stand beside a service and are not it.
var sidecars = regexp.MustCompile(`(^|[-/])(proxyv2|envoy|linkerd|cloud-sql-proxy|cloudsql-proxy|oauth2-proxy|kube-rbac-proxy|vault|vault-k8s|` +
	`fluent-bit|fluentd|fluentbit|filebeat|promtail|vector|alloy|opentelemetry-collector|otelcol|otel-collector|opentelemetry-collector-contrib|` +
	`daprd|consul-dataplane|pgbouncer|statsd-exporter|jaeger-agent|datadog-agent|agent)$`)

// ownImage is the image of a workload that is its service's own: the one that is named like it; or that is named nearly
// like it; or that is no usual sidecar; or the first, as kubectl takes the first container for the one that is meant.
func ownImage(workload, service string, images []string) string {
	name := func(image string) string {
		repository, _, _ := splitImage(image)
		return path.Base(repository)
	}
	akin := func(a, b string) bool {
		return strings.HasPrefix(a, b+"-") || strings.HasSuffix(a, "-"+b)
	}
	stem, _ := trackOf(workload)
	for _, fits := range []func(image string) bool{
		func(image string) bool { return name(image) == service || name(image) == stem },
		func(image string) bool { return akin(name(image), service) || akin(service, name(image)) },
		func(image string) bool { return !sidecars.MatchString(name(image)) },
	} {
		if i := slices.IndexFunc(images, fits); i >= 0 {
			return images[i]
		}
	}
	if len(images) == 0 {
		return ""
	}
	return images[0]
}

// versionOf is the tag of an image, or its digest where it has no tag. With neither, Kubernetes takes latest.
func versionOf(image string) string {
	_, tag, digest := splitImage(image)
	return cmp.Or(tag, digest, "latest")
}

// splitImage is repository, tag and digest of an image reference; a port is no tag.
func splitImage(image string) (repository, tag, digest string) {
	image, digest, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:], digest
	}
	return image, "", digest
}
