package renaming

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// all is a renaming of everything that there is.
func all() []Name {
	return []Name{
		{Service, "go-otlp-app", "payments"},
		{Service, "podinfo", "greeter"},
		{Image, "ghcr.io/kgate-dev/go-otlp-app", "registry.shop.example:5000/shop/payments"},
		{Module, "github.com/kgate-dev/gitops", "github.com/shop/platform"},
		{Repository, "https://github.com/kgate-dev/gitops", "https://git.shop.example/shop/platform.git"},
		{Organisation, "kgate-dev", "shop"},
		{Word, "go-otlp", "till"},
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"name: go-otlp-app":                                      "name: payments",
		"name: go-otlp-app-db-rw.go-otlp-app.svc":                "name: payments-db-rw.payments.svc",
		"prod-go-otlp-app":                                       "prod-payments",
		"name: go-otlp-apps":                                     "name: till-apps",
		"go-otlp-platform, ego-otlp":                             "till-platform, ego-otlp",
		"containers/go-otlp-app-*_go-otlp-app_app-*.log":         "containers/payments-*_payments_app-*.log",
		`"expr": "up\ngo-otlp-app"`:                              `"expr": "up\npayments"`,
		"- alert: GoOtlpAppAbsent":                               "- alert: PaymentsAbsent",
		"ThisGoOtlpApp, GoOtlpApplication":                       "ThisGoOtlpApp, GoOtlpApplication",
		"Go-otlp-app is a ledger":                                "Payments is a ledger",
		"go_otlp_app_db":                                         "payments_db",
		"- alert: PodinfoAbsent # Podinfo is there":              "- alert: GreeterAbsent # Podinfo is there",
		"Podinfos podinfo_x":                                     "Podinfos podinfo_x",
		"base/services/podinfo, ../podinfo, ./podinfo, /podinfo": "base/services/greeter, ../greeter, ./greeter, /greeter",
		"newName: ghcr.io/stefanprodan/podinfo":                  "newName: ghcr.io/stefanprodan/podinfo",
		"image: localhost:5000/podinfo:6.7.1":                    "image: localhost:5000/podinfo:6.7.1",
		"https://github.com/stefanprodan/podinfo":                "https://github.com/stefanprodan/podinfo",
		"http://podinfo.podinfo.svc.cluster.local:9898/healthz":  "http://greeter.greeter.svc.cluster.local:9898/healthz",
		"http://podinfo:9898/podinfo":                            "http://greeter:9898/podinfo",
		"http://grafana/d/x?var-service=podinfo":                 "http://grafana/d/x?var-service=greeter",
		"cluster.local/ns/podinfo/sa/podinfo":                    "cluster.local/ns/greeter/sa/greeter",
		"ghcr.io/kgate-dev/go-otlp-app:1.1.0":                    "registry.shop.example:5000/shop/payments:1.1.0",
		"app=ghcr.io/kgate-dev/go-otlp-app@sha256:01":            "app=registry.shop.example:5000/shop/payments@sha256:01",
		"ghcr.io/kgate-dev/go-otlp-app-tools":                    "ghcr.io/shop/go-otlp-app-tools",
		"go install github.com/kgate-dev/gitops/tools/kgate@v1":  "go install github.com/shop/platform/tools/kgate@v1",
		"github.com/kgate-dev/gitops-more":                       "github.com/shop/gitops-more",
		"url: https://github.com/kgate-dev/gitops.git":           "url: https://git.shop.example/shop/platform.git",
		"url: git@github.com:kgate-dev/gitops.git":               "url: https://git.shop.example/shop/platform.git",
		"source=\"https://github.com/kgate-dev/gitops\"":         "source=\"https://git.shop.example/shop/platform\"",
		"(https://github.com/kgate-dev/gitops/issues/new)":       "(https://git.shop.example/shop/platform/issues/new)",
		"* @kgate-dev/maintainers":                               "* @shop/maintainers",
		"kgate-development":                                      "kgate-development",
		"":                                                       "",
	} {
		if got, _ := compile(forms(all())).replace(text, nil, nil); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestRepositoryElsewhere holds URLs of SSH, of which pages have an address of their own, and the files of GitHub.
func TestRepositoryElsewhere(t *testing.T) {
	for _, test := range []struct{ to, text, want string }{
		{"git@git.shop.example:shop/platform.git", "https://github.com/a/b", "git@git.shop.example:shop/platform.git"},
		{"git@git.shop.example:shop/platform.git", "https://github.com/a/b/issues", "https://git.shop.example/shop/platform/issues"},
		{"ssh://git@git.shop.example:22/shop/platform", "https://github.com/a/b/issues", "https://git.shop.example/shop/platform/issues"},
		{"http://git.shop.example:3000/shop/platform", "https://github.com/a/b/issues", "http://git.shop.example:3000/shop/platform/issues"},
		{"https://github.com/c/d", "https://raw.githubusercontent.com/a/b/main/x", "https://raw.githubusercontent.com/c/d/main/x"},
		{"https://git.shop.example/c/d", "https://raw.githubusercontent.com/a/b/main/x", "https://raw.githubusercontent.com/a/b/main/x"},
	} {
		names := compile(forms([]Name{{Repository, "https://github.com/a/b", test.to}}))
		if got, _ := names.replace(test.text, nil, nil); got != test.want {
			t.Errorf("%s of %s: %q, want %q", test.text, test.to, got, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, n := range all() {
		if err := n.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []Name{
		{Service, "a", "A"}, {Service, "a", "1st"}, {Service, "a", "b-"}, {Service, "a", strings.Repeat("b", 64)}, {Service, "a", "on"}, {Service, "", "b"},
		{Image, "ghcr.io/a/b", "ghcr.io/a/b:1.0.0"}, {Image, "ghcr.io/a/b", "ghcr.io"}, {Module, "example.com/a", "a"}, {Repository, "https://a/b", "b"},
		{Organisation, "a", "b/c"}, {Word, "a", "b c"}, {Service, "a", "a"},
	} {
		if err := n.Check(); err == nil {
			t.Errorf("%v is one", n)
		}
	}
}

func TestEnvironment(t *testing.T) {
	name := Name{Environment, "dev", "qa"}
	for text, want := range map[string]string{
		"- overlays/dev/*":                 "- overlays/qa/*",
		"../dev, dev-app, 'dev'":           "../qa, qa-app, 'qa'",
		"dev.yaml":                         "qa.yaml",
		"kgate.dev/exempt, dev.example":    "kgate.dev/exempt, dev.example",
		"> /dev/null, path: /dev":          "> /dev/null, path: /dev",
		"develop, devs, my_dev":            "develop, devs, my_dev",
		"image: ghcr.io/acme/dev/shop:1.0": "image: ghcr.io/acme/dev/shop:1.0",
	} {
		if got := Replace(text, name); got != want || Names(text, name) != (want != text) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// copyOfKgate is a copy of kgate's own repository, in small.
func copyOfKgate() fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"go.mod":                          "module github.com/kgate-dev/gitops\n",
		"tools/kgate/main.go":             "package main\n\nimport \"github.com/kgate-dev/gitops/tools/internal/gate\"\n\n// go-otlp-app of https://github.com/kgate-dev/gitops\nvar _ = gate.Run(\"../../base/greeter/x\", \"base/podinfos\", \"podinfo\")\n",
		"tools/schemas/go.mod":            "module github.com/kgate-dev/gitops/tools/schemas\n\nreplace github.com/kgate-dev/gitops => ../..\n",
		"policies/pod/bad.yaml":           "name: go-otlp-app\n",
		"service/main.go":                 "package main\n\nimport (\n\t\"fmt\"\n\n\t\"github.com/kgate-dev/gitops/service/z\"\n\t\"github.com/other/x\"\n)\n\nvar names = map[string]string{\n\t\"go-otlp-app\": \"a\",           // one\n\t\"b\":           `go-otlp-app`, // two\n}\n\nfunc podinfo() { fmt.Println(x.A, z.A, names) } // podinfo stays an identifier\n",
		"base/podinfo/kustomization.yaml": "resources: [podinfo.yaml]\n",
		"base/podinfo/podinfo.yaml":       "image: ghcr.io/stefanprodan/podinfo\n",
		"logo.png":                        "\x89PNG\x00go-otlp-app",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return files
}

func listed(files fstest.MapFS) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return names
}

func TestMake(t *testing.T) {
	files := copyOfKgate()
	names := []Name{{Service, "go-otlp-app", "pay"}, {Service, "podinfo", "greeter"}, {Module, "github.com/kgate-dev/gitops", "github.com/shop/platform"}}
	plan, err := Make(files, append(listed(files), "deleted.yaml"), names)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"go.mod":                          "module github.com/shop/platform\n",
		"tools/kgate/main.go":             "package main\n\nimport \"github.com/shop/platform/tools/internal/gate\"\n\n// go-otlp-app of https://github.com/kgate-dev/gitops\nvar _ = gate.Run(\"../../base/greeter/x\", \"base/podinfos\", \"podinfo\")\n",
		"tools/schemas/go.mod":            "module github.com/shop/platform/tools/schemas\n\nreplace github.com/shop/platform => ../..\n",
		"service/main.go":                 "package main\n\nimport (\n\t\"fmt\"\n\n\t\"github.com/other/x\"\n\t\"github.com/shop/platform/service/z\"\n)\n\nvar names = map[string]string{\n\t\"pay\": \"a\",   // one\n\t\"b\":   `pay`, // two\n}\n\nfunc podinfo() { fmt.Println(x.A, z.A, names) } // greeter stays an identifier\n",
		"base/greeter/kustomization.yaml": "resources: [greeter.yaml]\n",
		"base/greeter/greeter.yaml":       "image: ghcr.io/stefanprodan/podinfo\n",
	} {
		if got, ok := plan.Set.Text(name); !ok || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant:\n%s", name, ok, got, want)
		}
	}
	if got := plan.Set.Written(); len(got) != 6 {
		t.Errorf("written: %v", got)
	}
	if got, want := plan.Set.Removed(), []string{"base/podinfo/kustomization.yaml", "base/podinfo/podinfo.yaml"}; !slices.Equal(got, want) {
		t.Errorf("removed: %v, want %v", got, want)
	}
	wantLeft := []Left{{"base/podinfo/podinfo.yaml", 1, false}, {"policies/pod/bad.yaml", 1, true}, {"tools/kgate/main.go", 2, true}}
	if !slices.Equal(plan.Left, wantLeft) {
		t.Errorf("left: %v, want %v", plan.Left, wantLeft)
	}
	if !slices.Equal(plan.Skipped, []string{"logo.png"}) {
		t.Errorf("skipped: %v", plan.Skipped)
	}
	if plan.Names() != 9 || len(plan.Moved()) != 2 {
		t.Errorf("%d names, %d moved: %v", plan.Names(), len(plan.Moved()), plan.Changes)
	}
}

// TestModuleStays holds that an organisation is no name of a module that keeps its own.
func TestModuleStays(t *testing.T) {
	files := copyOfKgate()
	files["README.md"] = &fstest.MapFile{Data: []byte("@kgate-dev/team, go install github.com/kgate-dev/gitops/tools/kgate, https://github.com/kgate-dev/gitops\n")}
	plan, err := Make(files, listed(files), []Name{{Organisation, "kgate-dev", "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	want := "@shop/team, go install github.com/kgate-dev/gitops/tools/kgate, https://github.com/shop/gitops\n"
	if got, _ := plan.Set.Text("README.md"); string(got) != want || len(plan.Changes) != 1 {
		t.Errorf("%q, want %q; %v", got, want, plan.Changes)
	}
}

// TestRecipe holds that a command which says the renaming is left as it is, and one that says another is about what there is then.
func TestRecipe(t *testing.T) {
	for to, want := range map[string]string{
		"till":  "rename --service shop=till --image ghcr.io/acme/shop=b.example.com/till\n",
		"till2": "rename --service till2=till --image ghcr.io/acme/shop=b.example.com/till\n",
	} {
		files := fstest.MapFS{
			"README.md": {Data: []byte("rename --service shop=till --image ghcr.io/acme/shop=b.example.com/till\n")},
			"app.yaml":  {Data: []byte("name: shop\nimage: ghcr.io/acme/shop\n")},
		}
		plan, err := Make(files, listed(files), []Name{{Service, "shop", to}, {Image, "ghcr.io/acme/shop", "b.example.com/till"}})
		if err != nil {
			t.Fatal(err)
		}
		got, changed := plan.Set.Text("README.md")
		if !changed {
			got = files["README.md"].Data
		}
		if string(got) != want {
			t.Errorf("to %s: %q, want %q", to, got, want)
		}
		if got, _ := plan.Set.Text("app.yaml"); string(got) != "name: "+to+"\nimage: b.example.com/till\n" {
			t.Errorf("to %s: %q", to, got)
		}
	}
}

// TestElsewhere holds that folders of kgate's names are nobody's where kgate itself is not.
func TestElsewhere(t *testing.T) {
	files := fstest.MapFS{"tools/shop.yaml": {Data: []byte("name: shop\n")}}
	plan, err := Make(files, listed(files), []Name{{Service, "shop", "till"}})
	if got, _ := plan.Set.Text("tools/till.yaml"); err != nil || string(got) != "name: till\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	for want, names := range map[string][]Name{
		"nothing to rename": nil,
		"base/podinfo/service.yaml:1: namespace: till: something is called so already": {{Service, "podinfo", "till"}},
		"base/podinfo/kustomization.yaml would become base/shop/kustomization.yaml":    {{Word, "podinfo", "shop"}},
		"--service: nowhere is not written anywhere here":                              {{Service, "podinfo", "greeter"}, {Service, "nowhere", "here"}},
		"--service and --word both rename podinfo":                                     {{Service, "podinfo", "greeter"}, {Word, "podinfo", "other"}},
		`--image: "podinfo" is no image`:                                               {{Image, "podinfo", "ghcr.io/a/b"}},
	} {
		files := copyOfKgate()
		files["base/podinfo/service.yaml"] = &fstest.MapFile{Data: []byte("namespace: till\n")}
		files["base/shop/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: []\n")}
		if _, err := Make(files, listed(files), names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", names, err, want)
		}
	}
	files := fstest.MapFS{"a.go": {Data: []byte("no Go of podinfo")}}
	if _, err := Make(files, listed(files), []Name{{Service, "podinfo", "greeter"}}); err == nil || !strings.Contains(err.Error(), "a.go:1:1") {
		t.Errorf("of a file that is no Go: %v", err)
	}
}
