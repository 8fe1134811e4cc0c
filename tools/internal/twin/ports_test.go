package twin

import (
	"reflect"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
)

func TestMovePorts(t *testing.T) {
	const before = `spec:
  containers:
    - command: [./app, --port=9898, "--metrics-addr=:9797", --backend-port=9898]
      args:
        - --listen
        - 0.0.0.0:9898
        - -metrics.port
        - "9797"
        - --upstream-addr=orders:9898
        - --level=9898
        - sh -c './app --port=9898'
        - |
          # It is not certain.
          ./app -p 9898
      env:
        - {name: HTTP_PORT, value: "9898"}
        - name: SELF_URL
          value: http://localhost:9898/healthz
        - name: LISTEN_ADDR
          value: orders:9898
        - name: BYTES
          value: "9898"
        - name: PODINFO_PORT
          value: "9898"
---
ports: 98980
budget: 9898
`
	const after = `spec:
  containers:
    - command: [./app, --port=9797, "--metrics-addr=:80", --backend-port=9898]
      args:
        - --listen
        - 0.0.0.0:9797
        - -metrics.port
        - "80"
        - --upstream-addr=orders:9898
        - --level=9898
        - sh -c './app --port=9898'
        - |
          # It is not certain.
          ./app -p 9898
      env:
        - {name: HTTP_PORT, value: "9797"}
        - name: SELF_URL
          value: http://localhost:9898/healthz
        - name: LISTEN_ADDR
          value: orders:9898
        - name: BYTES
          value: "9898"
        - name: PODINFO_PORT
          value: "9898"
---
ports: 98980
budget: 9898
`
	const file, config = "a/deployment.yaml", "a/config/app.ini"
	made := &Made{Copied: map[string]string{file: "b/deployment.yaml", config: "b/config/app.ini"}}
	made.Set.Write(file, changeset.File{Text: []byte(before)})
	made.Set.Write(config, changeset.File{Text: []byte("# Nothing.\nport = 9898\nsize = 9797\n")})
	made.Set.Write("kgate.yaml", changeset.File{Text: []byte("port: 9898\n")})
	got, err := made.MovePorts(map[int]int{9898: 9797, 9797: 80})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := made.Set.Text(file); string(text) != after {
		t.Errorf("got:\n%s", text)
	}
	at := func(file string, lines ...int) (all []Mention) {
		for _, line := range lines {
			all = append(all, Mention{File: file, Was: line, Is: line})
		}
		return all
	}
	want := []Listens{
		{Port: 9797, Written: at(file, 3, 8)},
		{Port: 9898, Written: at(file, 3, 6, 16), Left: append(at(config, 2), at(file, 3, 9, 10, 11, 14, 18, 20, 24)...)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}
