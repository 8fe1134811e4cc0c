package web

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// githubEvent is what GitHub sends of a deployment_status,
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
type githubEvent struct {
	Deployment *struct {
		SHA         string     `json:"sha"`
		Ref         string     `json:"ref"`
		Environment string     `json:"environment"`
		CreatedAt   *time.Time `json:"created_at"`
		Creator     githubUser `json:"creator"`
		Payload     any        `json:"payload"` // an object, or text: whatever the client gave
	} `json:"deployment"`
	DeploymentStatus *struct {
		State     string     `json:"state"`
		CreatedAt *time.Time `json:"created_at"`
	} `json:"deployment_status"`
	Repository struct {
		Name string `json:"name"`
	} `json:"repository"`
}

type githubUser struct {
	Login string `json:"login"`
}

// receiveGitHub records deployments of GitHub. Its webhooks cannot send a token; they sign with one instead.
func (a *API) receiveGitHub(w http.ResponseWriter, r *http.Request) error {
	data, err := readBody(w, r, maxEvent)
	if err != nil {
		return err
	}
	if identityOf(r.Context()).Via == "" {
		ctx, err := a.signed(r, data)
		if err != nil {
			return err
		}
		r = r.WithContext(ctx)
	}
	switch r.Header.Get("X-GitHub-Event") {
	case "deployment_status", "deployment", "":
	default:
		return a.take(w, r, news{}) // ping, and what was subscribed to besides
	}
	var e githubEvent
	if err := decodeEvent(data, &e); err != nil {
		return err
	}
	return a.take(w, r, e.news())
}

func (e githubEvent) news() (all news) {
	if e.Deployment == nil {
		all.skip("event", "has no deployment")
		return all
	}
	d := release.Draft{
		Service:     nameOf(cmp.Or(e.payload("service"), e.Repository.Name)),
		Environment: nameOf(e.Deployment.Environment),
		Track:       release.Track(e.payload("track")),
		Version:     cmp.Or(e.payload("version"), refVersion(e.Deployment.Ref, e.Deployment.SHA)),
		Revision:    e.Deployment.SHA,
		Actor:       cmp.Or(e.Deployment.Creator.Login, "github"),
		StartedAt:   e.Deployment.CreatedAt,
		Outcome:     release.Started,
		Team:        nameOf(e.payload("team")),
	}
	if e.DeploymentStatus != nil {
		switch e.DeploymentStatus.State {
		case "success":
			d.Outcome = release.Succeeded
		case "failure", "error":
			d.Outcome = release.Failed
		case "pending", "queued", "in_progress", "waiting":
		default:
			return all // inactive: another deployment took its place, which tells of itself
		}
		if d.Outcome.Ended() {
			d.FinishedAt = e.DeploymentStatus.CreatedAt
		}
	}
	all.told = append(all.told, told{about: "deployment of " + e.Repository.Name + " to " + e.Deployment.Environment, draft: d})
	return all
}

// payload is a text of the deployment's payload, in which a client may say what GitHub has no field for.
func (e githubEvent) payload(key string) string {
	fields, _ := e.Deployment.Payload.(map[string]any)
	text, _ := fields[key].(string)
	return text
}

var notInVersion = regexp.MustCompile(`[^-A-Za-z0-9._+:@/]+`)

// refVersion is the ref that was deployed where it is a tag, or else the commit: a branch is no version.
func refVersion(ref, sha string) string {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "refs/tags/"), "refs/heads/")
	if versionLike.MatchString(ref) {
		return notInVersion.ReplaceAllString(ref, "-")
	}
	return sha[:min(len(sha), 12)]
}
