package gate_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/ledger"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

const promoted = `apiVersion: kgate/v1
targets: ["overlays/*"]
environments:
  - name: dev
    targets: [overlays/dev]
    promotion: {ladder: [10, 50]}
  - name: prod
    targets: [overlays/prod]
    promotion: {from: dev, ladder: [10, 25, 50]}
`

// workload is a Deployment of a track of a service, whose image is called as it is.
func workload(service, track string) string {
	name := service
	if track == "canary" {
		name += "-canary"
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
  labels: {app.kubernetes.io/name: %[2]s}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: %[2]s, track: %[3]s}
  template:
    metadata:
      labels: {app.kubernetes.io/name: %[2]s, track: %[3]s}
    spec:
      containers:
        - name: app
          image: %[1]s
---
`, name, service, track)
}

const route = `apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app.kubernetes.io/name: shop}
  ports: [{name: http, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: shop
spec:
  host: shop
  subsets:
    - name: stable
      labels: {track: stable}
    - name: canary
      labels: {track: canary}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop
spec:
  hosts: [shop]
  http:
    - route:
        - destination: {host: shop, subset: stable}
          weight: 90 # the rest
        - {destination: {host: shop, subset: canary}, weight: 10}
`

// promotable is a repository of two services, one with a canary, each with its own way of writing versions.
func promotable(t *testing.T) *repo.Repo {
	t.Helper()
	files := fstest.MapFS{"kgate.yaml": {Data: []byte(promoted)}}
	put := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	for _, e := range []string{"dev", "prod"} {
		put("base/"+e+"/objects.yaml", workload("shop", "stable")+workload("shop", "canary")+workload("cart", "stable")+strings.ReplaceAll(route, "\n", "\r\n"))
		put("base/"+e+"/kustomization.yaml", "resources: [objects.yaml]\n")
		put("overlays/"+e+"/kustomization.yaml", "namespace: "+e+"\nresources:\n- ../../base/"+e+`
images:
- {name: shop, newName: reg.example.com:5000/shop, newTag: "1.1.0"} # stable
- name: shop-canary
  newName: reg.example.com:5000/shop
  newTag: '1.1.0'   # the canary
- digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  name: cart
  newName: reg.example.com:5000/cart
  newTag: 1.1.0`) // no line ends at the end
	}
	config, err := repo.LoadConfig(files)
	if err != nil {
		t.Fatal(err)
	}
	return &repo.Repo{Dir: t.TempDir(), FS: files, Config: config}
}

// step makes a step, and holds what it leads to to what it is for. It reports whether something changed.
func step(t *testing.T, r *repo.Repo, request transition.Request) ([]transition.Move, bool) {
	t.Helper()
	planner := planner(t, r)
	moves, err := planner.Plan(t.Context(), request)
	if err != nil {
		return nil, false // there is no canary to do that with, as the message says
	}
	files, err := planner.Texts(moves)
	if err != nil {
		t.Fatalf("%+v: %v", request, err)
	}
	if len(files) == 0 {
		return moves, false
	}
	written := maps.Clone(r.FS.(fstest.MapFS))
	for _, f := range files {
		written[f.Name] = &fstest.MapFile{Data: f.New}
	}
	r.FS = written
	table, err := gate.TableOf(t.Context(), r)
	if err == nil {
		err = transition.Arrived(table, moves)
	}
	if err != nil {
		t.Fatalf("%+v leads to a tree that is not right: %v", request, err)
	}
	return moves, true
}

func planner(t *testing.T, r *repo.Repo) *transition.Planner {
	t.Helper()
	table, err := gate.TableOf(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) ([]byte, error) { return fs.ReadFile(r.FS, name) }
	return &transition.Planner{Table: table, Config: r.Config, ReadFile: read, Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
}

func texts(r *repo.Repo) string {
	var b strings.Builder
	for _, name := range []string{"base/dev/objects.yaml", "base/prod/objects.yaml", "overlays/dev/kustomization.yaml", "overlays/prod/kustomization.yaml"} {
		text, err := fs.ReadFile(r.FS, name)
		if err != nil {
			return err.Error()
		}
		b.Write(text)
	}
	return b.String()
}

// TestPromoteThenAbort holds a canary that comes and goes to leaving the bytes that were there, through every step of the ladder.
func TestPromoteThenAbort(t *testing.T) {
	for _, version := range []string{"1.2.0", "1.10", "12e4", "1.2.0@sha256:" + strings.Repeat("b", 64)} {
		for steps := range 3 {
			r := promotable(t)
			before := texts(r)
			if _, changed := step(t, r, transition.Request{Action: transition.Promote, Services: []string{"shop"}, To: "prod", Version: version}); !changed {
				t.Fatal("nothing was promoted")
			}
			for range steps {
				if _, changed := step(t, r, transition.Request{Action: transition.Shift, Services: []string{"shop"}, To: "prod", Weight: transition.Next}); !changed {
					t.Fatal("there was no step")
				}
			}
			step(t, r, transition.Request{Action: transition.Abort, Services: []string{"shop"}, To: "prod"})
			if after := texts(r); after != before {
				t.Errorf("%s, %d steps:\n%s\nbecame\n%s", version, steps, before, after)
			}
		}
	}
}

// TestPromotionsAlone holds a promotion without a canary to one line, and back to the same bytes.
func TestPromotionsAlone(t *testing.T) {
	r := promotable(t)
	before := texts(r)
	moves, _ := step(t, r, transition.Request{Action: transition.Promote, Services: []string{"cart"}, To: "dev", Version: "1.2.0@sha256:" + strings.Repeat("b", 64)})
	if len(moves) != 1 || moves[0].Canary || len(moves[0].Changes) != 2 {
		t.Fatalf("moves %+v", moves)
	}
	step(t, r, transition.Request{Action: transition.Promote, Services: []string{"cart"}, To: "dev", Version: "1.1.0@sha256:" + strings.Repeat("a", 64)})
	if after := texts(r); after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}

// TestRules holds the planner to what each rule refuses that needs no history.
func TestRules(t *testing.T) {
	tests := map[string]struct {
		before  []transition.Request
		request transition.Request
		config  string // what is put behind `from: dev, `
		want    map[transition.Rule]string
	}{
		"nothing":              {request: transition.Request{Action: transition.Promote, To: "dev", Version: "1.2.0"}},
		"source":               {request: transition.Request{Action: transition.Promote, To: "prod", Version: "1.2.0"}, want: map[transition.Rule]string{transition.Source: "dev runs 1.1.0, and not 1.2.0"}},
		"backwards":            {request: transition.Request{Action: transition.Promote, To: "dev", Version: "1.0.9"}, want: map[transition.Rule]string{transition.Backwards: "1.0.9 is older than 1.1.0"}},
		"a commit is no older": {request: transition.Request{Action: transition.Promote, To: "dev", Version: "0a1b2c3"}},
		"canary": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}}, request: transition.Request{Action: transition.Promote, To: "dev", Version: "1.3.0"},
			want: map[transition.Rule]string{transition.Canary: "a canary of 1.2.0 is under way in dev"}},
		"a step of the ladder": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}}, request: transition.Request{Action: transition.Shift, To: "dev", Weight: 50}},
		"no step of the ladder": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}}, request: transition.Request{Action: transition.Shift, To: "dev", Weight: 20},
			want: map[transition.Rule]string{transition.Ladder: "20 % is no step of the ladder of dev, 10, 50"}},
		"beyond the ladder": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}, {Action: transition.Shift, To: "dev", Weight: 50}},
			request: transition.Request{Action: transition.Shift, To: "dev", Weight: 60}, want: map[transition.Rule]string{transition.Ladder: "60 % is beyond the ladder of dev, 10, 50"}},
		"less": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}, {Action: transition.Shift, To: "dev", Weight: 50}}, request: transition.Request{Action: transition.Shift, To: "dev", Weight: 0}},
		"finished too early": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}}, request: transition.Request{Action: transition.Finish, To: "dev"},
			want: map[transition.Rule]string{transition.Ladder: "the canary of 1.2.0 has 10 %, and the ladder of dev goes up to 50 %"}},
		"freeze": {config: "freezes: [{from: 2026-11-28, to: 2026-11-28, reason: sale}], ", request: transition.Request{Action: transition.Promote, To: "prod", Version: "1.2.0"},
			want: map[transition.Rule]string{transition.Source: "", transition.Freeze: "prod is frozen until 2026-11-29 00:00 UTC: sale"}},
		"no freeze": {config: "freezes: [{from: 2026-11-29, to: 2026-11-30, reason: sale}], ", request: transition.Request{Action: transition.Promote, To: "prod", Version: "1.2.0"},
			want: map[transition.Rule]string{transition.Source: ""}},
		"nobody knows the soak": {before: []transition.Request{{Action: transition.Promote, To: "dev", Version: "1.2.0"}, {Action: transition.Finish, To: "dev"}}, config: "soak: 1h, ",
			request: transition.Request{Action: transition.Promote, To: "prod"}, want: map[transition.Rule]string{transition.Soak: "this is no git repository"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := promotable(t)
			if test.config != "" {
				var err error
				if r.Config, err = repo.ParseConfig("kgate.yaml", []byte(strings.Replace(promoted, "from: dev, ", "from: dev, "+test.config, 1))); err != nil {
					t.Fatal(err)
				}
			}
			for _, request := range test.before {
				request.Services = []string{"shop"}
				step(t, r, request)
			}
			test.request.Services = []string{"shop"}
			moves, err := planner(t, r).Plan(t.Context(), test.request)
			if err != nil || len(moves) != 1 || len(moves[0].Changes) == 0 {
				t.Fatal(moves, err)
			}
			for _, refusal := range moves[0].Refusals {
				said, wanted := test.want[refusal.Rule]
				if !wanted || !strings.Contains(refusal.Message, said) || refusal.Source.File == "" || refusal.Allowed {
					t.Errorf("%+v; want %q", refusal, said)
				}
				delete(test.want, refusal.Rule)
			}
			for rule := range test.want {
				t.Errorf("%s refuses nothing", rule)
			}
		})
	}
}

// TestAnySequence holds what any sequence of steps leads to to a tree that renders and says what the last one wanted.
func TestAnySequence(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := promotable(t)
	made := map[transition.Action]int{}
	for i := range 120 {
		request := transition.Request{
			Action:   []transition.Action{transition.Promote, transition.Promote, transition.Shift, transition.Finish, transition.Abort}[random.IntN(5)],
			Services: [][]string{{"shop"}, {"cart"}, {"shop", "cart"}}[random.IntN(3)],
			To:       []string{"dev", "prod"}[random.IntN(2)],
		}
		switch request.Action {
		case transition.Promote:
			request.Version = []string{"", fmt.Sprintf("1.%d.0", i), "1.10", fmt.Sprintf("1.%d.0@sha256:%064x", i, i)}[random.IntN(4)]
		case transition.Shift:
			request.Weight = []int{transition.Next, 0, 5, 50, 100}[random.IntN(5)]
		}
		if _, changed := step(t, r, request); changed {
			made[request.Action]++
		}
	}
	for _, action := range []transition.Action{transition.Promote, transition.Shift, transition.Finish, transition.Abort} {
		if made[action] < 3 {
			t.Errorf("%s was made %d times: the sequence shows too little", action, made[action])
		}
	}
	if r.FS.(fstest.MapFS)["base/prod/objects.yaml"] == nil || !strings.Contains(texts(r), "# the rest\r\n") {
		t.Error("comments and line ends are gone")
	}
}

// TestLedger holds the soak to what the release ledger says, over HTTP.
func TestLedger(t *testing.T) {
	outcome, at := "succeeded", "2026-11-28T10:30:00Z"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("service") != "cart" || q.Get("environment") != "dev" || q.Get("version") != "1.2.0" {
			t.Errorf("it is asked %s", r.URL)
		}
		_, _ = fmt.Fprintf(w, `{"releases": [{"service": "cart", "environment": "dev", "version": "1.2.0", "outcome": %q, "finished_at": %q, "recorded_at": %q}]}`, outcome, at, at)
	}))
	defer server.Close()
	r := promotable(t)
	step(t, r, transition.Request{Action: transition.Promote, Services: []string{"cart"}, To: "dev", Version: "1.2.0"})
	var err error
	if r.Config, err = repo.ParseConfig("kgate.yaml", []byte(strings.Replace(promoted, "from: dev, ", "from: dev, soak: 1h, ", 1))); err != nil {
		t.Fatal(err)
	}
	plan := func() ([]transition.Refusal, error) {
		planner := planner(t, r)
		planner.Ledger = &ledger.Client{URL: server.URL}
		moves, err := planner.Plan(t.Context(), transition.Request{Action: transition.Promote, Services: []string{"cart"}, To: "prod"})
		if err != nil {
			return nil, err
		}
		return moves[0].Refusals, nil
	}
	for _, test := range []struct{ outcome, at, said string }{
		{"succeeded", "2026-11-28T10:30:00Z", ""},
		{"succeeded", "2026-11-28T11:30:00Z", "1.2.0 runs in dev for 30m, since 2026-11-28 11:30 UTC (the release ledger); prod asks for 1h"},
		{"rolled_back", "2026-11-28T09:00:00Z", "the release ledger says that the release of 1.2.0 to dev is rolled back since 2026-11-28 09:00 UTC"},
		{"started", "2026-11-28T09:00:00Z", "is started since"},
	} {
		outcome, at = test.outcome, test.at
		refusals, err := plan()
		switch {
		case err != nil:
			t.Error(err)
		case test.said == "" && len(refusals) > 0, test.said != "" && (len(refusals) != 1 || refusals[0].Rule != transition.Soak || !strings.Contains(refusals[0].Message, test.said)):
			t.Errorf("%+v: %+v", test, refusals)
		}
	}
	server.Close()
	if _, err := plan(); err == nil || !strings.Contains(err.Error(), "ask the release ledger "+server.URL) || !strings.Contains(err.Error(), "--allow soak goes on without it") {
		t.Errorf("a ledger that is gone: %v", err)
	}
}

// TestShareWhereOneEnvironmentHasACanary holds a step of a canary to the environment's own number, where no other environment reads the
// component's table of what is left to the stable version.
func TestShareWhereOneEnvironmentHasACanary(t *testing.T) {
	r, err := repo.Open("../../..")
	if err != nil {
		t.Fatal(err)
	}
	stages := r.Config.Stages()
	last := stages[len(stages)-1].Name
	var set changeset.Set
	for _, stage := range stages[:len(stages)-1] {
		files, err := fs.Glob(r.FS, "overlays/"+stage.Name+"/*/kustomization.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			file, err := changeset.Read(r.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.ReplaceAll(string(file.Text), "- ../../../base/components/canary\n", ""); text != string(file.Text) {
				set.Write(name, changeset.File{Text: []byte(text), Mode: file.Mode})
			}
		}
	}
	if len(set.Written()) == 0 {
		t.Fatal("no other environment has a canary")
	}
	changed, err := r.Changed(&set)
	if err != nil {
		t.Fatal(err)
	}
	p := planner(t, changed)
	steps := 0
	for _, s := range p.Table.Services {
		place, _ := s.Place(last)
		if len(place.Weights) == 0 {
			continue
		}
		moves, err := p.Plan(t.Context(), transition.Request{Action: transition.Shift, Services: []string{s.Name}, To: last, Weight: transition.Next})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range moves[0].Changes {
			steps++
			if p.Table.Owner(c.Source.File) != last {
				t.Errorf("%s: %s: %s %s is no file of %s", s.Name, c.Source, c.Field, c, last)
			}
		}
	}
	if steps == 0 {
		t.Error("no share changed")
	}
}
