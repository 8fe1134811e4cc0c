package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// packed is an archive of files, each a name and a text, a link where the text begins with "->".
func packed(t *testing.T, files ...string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for i := 0; i < len(files); i += 2 {
		header := &tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		text := files[i+1]
		if to, ok := strings.CutPrefix(text, "->"); ok {
			header.Typeflag, header.Linkname, header.Size, text = tar.TypeSymlink, to, 0, ""
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, close := range []func() error{archive.Close, zipped.Close} {
		if err := close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func web(t *testing.T, version string) string {
	t.Helper()
	return packed(t, "web/Chart.yaml", "apiVersion: v2\nname: web\nversion: "+version+"\n", "web/templates/a.yaml", configMap("web"), "web/values.yaml", "", "web/charts/sub-1.0.0.tgz", packed(t, "sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"), "web/.helmignore", "*.md\n")
}

// index publishes archives of web in a folder, in versions.
func (s *site) index(folder string, versions ...string) {
	text := "apiVersion: v1\nentries:\n  web:\n"
	for _, v := range versions {
		archive := web(s.t, v)
		s.files[folder+"/web-"+v+".tgz"] = archive
		text += fmt.Sprintf("  - {name: web, version: %q, urls: [web-%s.tgz], digest: %s}\n", v, v, strings.TrimPrefix(digestOf([]byte(archive)), "sha256:"))
	}
	s.files[folder+"/index.yaml"] = text
}

// push publishes web in a registry, in versions.
func (s *site) push(name string, versions ...string) {
	var tags []string
	for _, v := range versions {
		archive := web(s.t, v)
		config := "{}"
		describe := func(kind, text string) map[string]any {
			digest := digestOf([]byte(text))
			at := "/v2/" + name + "/blobs/" + digest
			s.files[at], s.types[at] = text, "application/octet-stream"
			return map[string]any{"mediaType": kind, "digest": digest, "size": len(text)}
		}
		const kind = "application/vnd.oci.image.manifest.v1+json"
		text, err := json.Marshal(map[string]any{
			"schemaVersion": 2, "mediaType": kind, "config": describe("application/vnd.cncf.helm.config.v1+json", config),
			"layers": []any{describe("application/vnd.cncf.helm.chart.provenance.v1.prov", "signed"), describe(chartLayer, archive)},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		tag := strings.ReplaceAll(v, "+", "_")
		tags = append(tags, tag)
		for _, at := range []string{tag, digestOf(text)} {
			s.files["/v2/"+name+"/manifests/"+at], s.types["/v2/"+name+"/manifests/"+at] = string(text), kind
		}
	}
	list, err := json.Marshal(map[string]any{"name": name, "tags": tags})
	if err != nil {
		s.t.Fatal(err)
	}
	s.files["/v2/"+name+"/tags/list"], s.types["/v2/"+name+"/tags/list"] = string(list), "application/json"
}

// charts vendors charts as a target that names them would.
func charts(t *testing.T, job Job, asked ...vendored.Chart) Outcome {
	t.Helper()
	r, done, err := begin(job)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	s := &session{run: r, fetching: !job.Check, paths: map[*repository][]string{}}
	var out Outcome
	for _, c := range asked {
		if _, err := s.Chart(t.Context(), c); err != nil {
			out.Faults = append(out.Faults, err)
		}
	}
	for _, c := range s.charts {
		c.used = true
	}
	if err := r.finish(&out, len(out.Faults) == 0); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestChartsOfAnIndexAndOfARegistry(t *testing.T) {
	s := newSite(t)
	s.index("/charts", "1.2.0", "1.10.0", "2.0.0-rc.1", "v0.9.0")
	s.push("org/charts/web", "1.2.0", "1.10.0", "2.0.0-rc.1", "1.2.0+build.1")
	registry := "oci://" + strings.TrimPrefix(s.url, "http://") + "/org/charts"
	dir := t.TempDir()
	asked := []vendored.Chart{}
	want := map[vendored.Chart]string{}
	for _, repository := range []string{s.url + "/charts", registry} {
		for version, resolved := range map[string]string{"1.2.0": "1.2.0", "": "1.10.0", "~1.2": "1.2.0", "^1": "1.10.0", ">0.0.0-0": "2.0.0-rc.1"} {
			c := vendored.Chart{Repository: repository, Name: "web", Version: version}
			if version == "~1.2" && repository == registry {
				resolved = "1.2.0" // semver: what was built does not make it newer
			}
			asked, want[c] = append(asked, c), resolved
		}
	}
	plus := vendored.Chart{Repository: registry, Name: "web", Version: "1.2.0+build.1"}
	asked, want[plus] = append(asked, plus), "1.2.0+build.1"
	out := charts(t, Job{Dir: dir}, asked...)
	if len(out.Faults) > 0 || out.Copies != len(asked) {
		t.Fatalf("%+v", out)
	}
	copies := vendored.Open(os.DirFS(dir))
	lock, err := vendored.ReadLock(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range asked {
		locked := lock.Chart(c)
		if locked == nil || locked.Resolved != want[c] || locked.Archive != digestOf([]byte(web(t, want[c]))) {
			t.Errorf("%s: %+v, not %s", c, locked, want[c])
		}
		at, err := copies.Chart(t.Context(), c)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		var names []string
		for name := range snapshot(t, filepath.Join(dir, at.Dir)) {
			names = append(names, name)
		}
		slices.Sort(names)
		if is := strings.Join(names, " "); is != ". .helmignore Chart.yaml charts charts/sub-1.0.0.tgz templates templates/a.yaml values.yaml" {
			t.Errorf("%s: %s", c, is)
		}
	}
	before, requests := snapshot(t, dir), s.requests()
	if out := charts(t, Job{Dir: dir}, asked...); len(out.Changes) > 0 || s.requests() != requests || !maps.Equal(before, snapshot(t, dir)) {
		t.Errorf("a second run: %+v", out)
	}
	// A newer version is taken only when it is asked for.
	s.index("/charts", "1.2.0", "1.10.0", "1.11.0")
	newest := vendored.Chart{Repository: s.url + "/charts", Name: "web"}
	if err := os.RemoveAll(filepath.Join(dir, lock.Place(lock.Chart(newest)))); err != nil {
		t.Fatal(err)
	}
	if out := charts(t, Job{Dir: dir}, newest); len(out.Faults) > 0 {
		t.Fatalf("%+v", out)
	}
	if lock, err := vendored.ReadLock(os.DirFS(dir)); err != nil || lock.Chart(newest).Resolved != "1.10.0" {
		t.Errorf("%+v, %v", lock.Chart(newest), err)
	}
	if out := charts(t, Job{Dir: dir, Update: true}, newest); len(out.Changes) != 1 || out.Changes[0].What != Updated {
		t.Errorf("%+v", out)
	}
}

func TestARegistryThatAsksForCredentials(t *testing.T) {
	s := newSite(t)
	s.password = "secret"
	s.push("org/web", "1.2.0")
	host := strings.TrimPrefix(s.url, "http://")
	asked := vendored.Chart{Repository: "oci://" + host + "/org", Name: "web", Version: "1.2.0"}
	dir := t.TempDir()
	if out := charts(t, Job{Dir: dir}, asked); len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "401") && !strings.Contains(out.Faults[0].Error(), "credential") {
		t.Errorf("%v", out.Faults)
	}
	for _, file := range []string{filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), filepath.Join(t.TempDir(), "registry.json")} {
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("u:secret")))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "registry.json") {
			t.Setenv("HELM_REGISTRY_CONFIG", file)
		}
		if out := charts(t, Job{Dir: t.TempDir()}, asked); len(out.Faults) > 0 {
			t.Errorf("%s: %v", file, out.Faults)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// What holds the credentials and cannot be read is said: without them the registry would only say that they are missing.
func TestCredentialsThatCannotBeRead(t *testing.T) {
	s := newSite(t)
	s.push("org/web", "1.2.0")
	asked := vendored.Chart{Repository: "oci://" + strings.TrimPrefix(s.url, "http://") + "/org", Name: "web", Version: "1.2.0"}
	docker, helm := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), filepath.Join(t.TempDir(), "registry.json")
	t.Setenv("HELM_REGISTRY_CONFIG", helm)
	if out := charts(t, Job{Dir: t.TempDir()}, asked); len(out.Faults) > 0 {
		t.Errorf("without a file: %v", out.Faults)
	}
	t.Setenv("HELM_REGISTRY_CONFIG", filepath.Join(os.DevNull, "registry.json"))
	if out := charts(t, Job{Dir: t.TempDir()}, asked); len(out.Faults) > 0 {
		t.Errorf("in a home that is no directory: %v", out.Faults)
	}
	t.Setenv("HELM_REGISTRY_CONFIG", helm)
	for _, file := range []string{docker, helm} {
		for _, text := range []string{`{"auths": `, `{"auths": []}`, `{"credsStore": {}}`} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out := charts(t, Job{Dir: t.TempDir()}, asked)
			if len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "the credentials for registries in "+file+" cannot be read") {
				t.Errorf("%s: %s: %v", file, text, out.Faults)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		// Nor can a directory be read.
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		if out := charts(t, Job{Dir: t.TempDir()}, asked); len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), file) {
			t.Errorf("%s is a directory: %v", file, out.Faults)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChartsThatAreRefused(t *testing.T) {
	chart := "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	for name, c := range map[string]struct {
		archive string
		digest  string // that the index has; "" for the archive's
		version string
		want    string
	}{
		"another archive than the index says": {web(t, "1.0.0"), "0123", "", "is not what the index says"},
		"no such version":                     {web(t, "1.0.0"), "", "2.x", "there is no version 2.x"},
		"no version":                          {web(t, "1.0.0"), "", "newest please", "there is no version newest please"},
		"no archive":                          {"text", "", "", "is packed with gzip, and this is not"},
		"no chart":                            {packed(t, "web/a.yaml", ""), "", "", "holds no Chart.yaml"},
		"a link":                              {packed(t, "web/Chart.yaml", chart, "web/a", "->/etc/passwd"), "", "", "a chart has no links"},
		"a path out of the chart":             {packed(t, "web/Chart.yaml", chart, "web/../../a", "x"), "", "", "is no path in a copy"},
		"a path beside the chart":             {packed(t, "web/Chart.yaml", chart, "other/a", "x"), "", "", "does not lie in the one directory"},
		"git's own":                           {packed(t, "web/Chart.yaml", chart, "web/.git/config", "x"), "", "", "git's own"},
		"a file that is too large":            {packed(t, "web/Chart.yaml", chart, "web/a", strings.Repeat("x", 11<<20)), "", "", "the limit is"},
		"cut off":                             {web(t, "1.0.0")[:60], "", "", "cannot be read"},
	} {
		s := newSite(t)
		s.files["/web.tgz"] = c.archive
		digest := c.digest
		if digest == "" {
			digest = digestOf([]byte(c.archive))
		}
		s.files["/index.yaml"] = fmt.Sprintf("entries: {web: [{name: web, version: 1.0.0, urls: [%s/web.tgz], digest: %q}]}\n", s.url, digest)
		dir := t.TempDir()
		out := charts(t, Job{Dir: dir}, vendored.Chart{Repository: s.url, Name: "web", Version: c.version})
		if len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), c.want) {
			t.Errorf("%s: %v, not %q", name, out.Faults, c.want)
		}
		if left := snapshot(t, dir); len(left) != 1 {
			t.Errorf("%s: it wrote %q", name, slices.Sorted(maps.Keys(left)))
		}
	}
	s := newSite(t)
	s.push("org/web", "1.0.0")
	host := strings.TrimPrefix(s.url, "http://")
	for at := range s.files {
		if strings.Contains(at, "/blobs/") {
			s.files[at] = strings.Repeat("x", len(s.files[at])) // not what its digest says
		}
	}
	for c, want := range map[vendored.Chart]string{
		{Repository: "oci://" + host + "/org", Name: "web", Version: "1.0.0"}:  "mismatch",
		{Repository: "oci://" + host + "/org", Name: "none", Version: "1.0.0"}: "not found",
		{Repository: "oci://" + host + "/org", Name: "web", Version: "9.x"}:    "there is no version 9.x",
		{Repository: s.url + "/none", Name: "web"}:                             "the server answers 404",
		{Repository: "file:///charts", Name: "web"}:                            "is fetched by nobody",
		{Repository: "https://u:secret@host.example.com", Name: "web"}:         "holds a password",
	} {
		out := charts(t, Job{Dir: t.TempDir()}, c)
		if len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), want) || strings.Contains(out.Faults[0].Error(), "secret") {
			t.Errorf("%s: %v, not %q", c, out.Faults, want)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	_, _ = zipped.Write([]byte("x"))
	_ = zipped.Close()
	f.Add(out.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		if content, err := unpack(text); err == nil && content.Check() != nil {
			t.Error("content is not checked")
		}
	})
}

func TestChartsThatKustomizationsName(t *testing.T) {
	s := newSite(t)
	s.index("/charts", "1.2.0")
	s.push("org/charts/web", "1.3.0")
	// A base that is fetched names one too.
	s.commit("org/base.git", "-- app/kustomization.yaml --\nhelmCharts:\n- {name: web, repo: SITE/charts, version: 1.2.0, releaseName: base}\nnamePrefix: base-\n")
	dir := s.repository("-- app/kustomization.yaml --\nresources: [SITE/org/base.git//app]\n-- own/kustomization.yaml --\nhelmCharts:\n- {name: web, repo: SITE/charts, version: 1.2.0, releaseName: own}\n" +
		"-- third/kustomization.yaml --\ngenerators: [generator.yaml]\n-- third/generator.yaml --\napiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: web\nreleaseName: third\nrepo: oci://" + strings.TrimPrefix(s.url, "http://") + "/org/charts\nversion: 1.3.0\n")
	if _, err := rendered(t, dir, "app"); err == nil || !strings.Contains(err.Error(), "run `kgate vendor`") {
		t.Fatalf("before there is a copy: %v", err)
	}
	if out := vendorAll(t, dir, "app", "own", "third"); out.Copies != 3 {
		t.Errorf("%+v", out)
	}
	before := s.requests()
	for target, name := range map[string]string{"app": "name: base-web", "own": "name: web", "third": "name: web"} {
		text, err := rendered(t, dir, target)
		if err != nil {
			t.Fatal(err)
		}
		if s.requests() != before || !strings.Contains(text, name) {
			t.Errorf("%d requests\n%s", s.requests()-before, text)
		}
	}
}

func TestChartsOfAnIndexThatAsksForAPassword(t *testing.T) {
	newSite(t) // for the environment
	const secret = "s3cret"
	var mu sync.Mutex
	told := map[string]bool{} // by the path, whether the other server was told the password
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		mu.Lock()
		told[r.URL.Path] = password != ""
		mu.Unlock()
		_, _ = w.Write([]byte(web(t, "1.0.0")))
	}))
	defer far.Close()
	near := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name, password, _ := r.BasicAuth(); {
		case name != "me" || password != secret:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/charts/index.yaml":
			text := "entries:\n  web:\n"
			for version, at := range map[string]string{"1.0.0": "web.tgz", "2.0.0": far.URL + "/named", "3.0.0": "moved"} {
				text += fmt.Sprintf("  - {name: web, version: %s, urls: [%q]}\n", version, at)
			}
			_, _ = w.Write([]byte(text))
		case r.URL.Path == "/charts/moved":
			http.Redirect(w, r, far.URL+"/moved", http.StatusFound)
		default:
			_, _ = w.Write([]byte(web(t, "1.0.0")))
		}
	}))
	defer near.Close()
	file := filepath.Join(t.TempDir(), "repositories.yaml")
	t.Setenv("HELM_REPOSITORY_CONFIG", file)
	for _, c := range []struct {
		name, repositories, version string
		want                        string // of the fault
		told                        map[string]bool
	}{
		{"no file", "", "1.0.0", "index.yaml: the server answers 401 Unauthorized: give helm the credentials, by `helm repo add ", nil},
		{"another repository", "- {url: URL/chart, username: me, password: s3cret}", "1.0.0", "give helm the credentials", nil},
		{"a name alone", "- {url: URL/charts, username: me}", "1.0.0", "give helm the credentials", nil},
		{"another password", "- {url: URL/charts, username: me, password: s3cret2}", "1.0.0", "the server answers 401 Unauthorized", nil},
		{"a file that is none", "- {url: URL/charts, username: me, password: [s3cret]}", "1.0.0", "in " + file + " cannot be read: mend the file or move it away: ", nil},
		{"a login", "- {name: a, url: URL/charts/, username: me, password: s3cret}", "1.0.0", "", nil},
		{"an archive elsewhere", "- {url: URL/charts, username: me, password: s3cret}", "2.0.0", "", map[string]bool{"/named": false}},
		{"an archive that moved", "- {url: URL/charts, username: me, password: s3cret}", "3.0.0", "", map[string]bool{"/moved": false}},
		{"a login for everybody", "- {url: URL/charts, username: me, password: s3cret, pass_credentials_all: true}", "2.0.0", "", map[string]bool{"/named": true}},
	} {
		if c.repositories != "" {
			if err := os.WriteFile(file, []byte("repositories:\n"+strings.ReplaceAll(c.repositories, "URL", near.URL)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		clear(told)
		mu.Unlock()
		dir := t.TempDir()
		out := charts(t, Job{Dir: dir}, vendored.Chart{Repository: near.URL + "/charts", Name: "web", Version: c.version})
		if is := fmt.Sprint(out.Faults); (c.want == "") != (len(out.Faults) == 0) || !strings.Contains(is, c.want) || strings.Contains(is, secret) {
			t.Errorf("%s: %s, not %q", c.name, is, c.want)
		}
		mu.Lock()
		if !maps.Equal(told, c.told) {
			t.Errorf("%s: the other server was told %v", c.name, told)
		}
		mu.Unlock()
		for name, text := range snapshot(t, dir) {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s holds the password", c.name, name)
			}
		}
	}
}
