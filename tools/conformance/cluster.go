package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// disabled are admission plugins that ask whether other objects exist: a namespace, a service account, a class. That is
// for a cluster to say; everything else is as a server starts by default.
const disabled = "NamespaceLifecycle,ServiceAccount,Priority,RuntimeClass,PersistentVolumeClaimResize"

// cluster is an etcd and a kube-apiserver on loopback.
type cluster struct {
	version   string // of Kubernetes
	address   string
	token     string
	client    *http.Client
	resources map[schema.GroupVersionKind]resource
	processes []*process
	dir       string
}

type process struct {
	*exec.Cmd
	ended chan struct{} // closed when it has
}

type resource struct {
	plural     string
	namespaced bool
}

// launch builds and starts a server. stop must be called whatever it returns.
func launch(ctx context.Context, root, version string, stderr io.Writer) (*cluster, error) {
	none := &cluster{}
	etcd, err := exec.LookPath("etcd") // before the minutes that the server takes to compile
	if err != nil {
		return none, fmt.Errorf("kube-apiserver keeps its objects in etcd: install it (Debian: apt-get install etcd-server): %w", err)
	}
	fmt.Fprintln(stderr, "building kube-apiserver: some fifteen minutes on two cores, once")
	apiserver, err := build(ctx, root)
	if err != nil {
		return none, err
	}
	fmt.Fprintln(stderr, "starting etcd and kube-apiserver")
	c, err := start(ctx, etcd, apiserver)
	c.version = version
	return c, err
}

// build makes the kube-apiserver of tools/conformance/apiserver; go builds nothing that is up to date.
func build(ctx context.Context, root string) (string, error) {
	binary := filepath.Join(root, ".cache", "bin", "kube-apiserver")
	c := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	c.Dir = filepath.Join(root, "tools", "conformance", "apiserver")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("build kube-apiserver: %w", err)
	}
	return binary, nil
}

// pinned is the version of Kubernetes that kgate links, which has to be the server's, and the folder that it is in.
func pinned(ctx context.Context, root string) (version, dir string, err error) {
	ask := func(module, format string) (string, error) {
		c := exec.CommandContext(ctx, "go", "list", "-m", "-f", format, "k8s.io/kubernetes")
		c.Dir, c.Stderr = filepath.Join(root, module), os.Stderr
		out, err := c.Output()
		if err != nil {
			return "", fmt.Errorf("ask for the version of Kubernetes in %s: %w", module, err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	if version, err = ask("tools/conformance", "{{.Version}}"); err != nil {
		return "", "", err
	}
	server, err := ask("tools/conformance/apiserver", "{{.Version}}")
	if err != nil {
		return "", "", err
	}
	if server != version {
		return "", "", fmt.Errorf("kgate links Kubernetes %s, tools/conformance/apiserver is %s: require the same in its go.mod", version, server)
	}
	dir, err = ask("tools/conformance", "{{.Dir}}")
	return version, dir, err
}

// start starts both and waits until they answer. stop must be called whatever it returns.
func start(ctx context.Context, etcd, apiserver string) (c *cluster, err error) {
	c = &cluster{}
	if c.dir, err = os.MkdirTemp("", "kgate-conformance-"); err != nil {
		return c, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return c, err
	}
	at := func(i int) string { return fmt.Sprintf("http://127.0.0.1:%d", ports[i]) }
	if err := c.run(etcd, "--data-dir="+filepath.Join(c.dir, "etcd"), "--listen-client-urls="+at(0), "--advertise-client-urls="+at(0),
		"--listen-peer-urls="+at(1), "--unsafe-no-fsync"); err != nil {
		return c, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return c, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	encoded, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return c, err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
	c.token = rand.Text()
	file := func(name string) string { return filepath.Join(c.dir, name) }
	for name, content := range map[string][]byte{"sa.key": private, "sa.pub": public, "tokens.csv": []byte(c.token + `,admin,1,"system:masters"` + "\n")} {
		if err := os.WriteFile(file(name), content, 0o600); err != nil {
			return c, err
		}
	}
	c.address = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	if err := c.run(apiserver, "--etcd-servers="+at(0), "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[2]),
		"--cert-dir="+file("cert"), "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/16", "--service-account-issuer=https://kgate.invalid",
		"--service-account-key-file="+file("sa.pub"), "--service-account-signing-key-file="+file("sa.key"), "--token-auth-file="+file("tokens.csv"),
		"--authorization-mode=AlwaysAllow", "--allow-privileged=true", "--disable-admission-plugins="+disabled,
		// Versions that are not final are not served unasked; kgate knows them.
		"--runtime-config=api/all=true",
		// Flow control would answer 429 to what is judged side by side.
		"--enable-priority-and-fairness=false", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0",
		// A machine that does other things as well takes its time.
		"--request-timeout=5m"); err != nil {
		return c, err
	}
	return c, c.await(ctx)
}

func (c *cluster) run(name string, args ...string) error {
	log, err := os.Create(filepath.Join(c.dir, filepath.Base(name)+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(name, args...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for us to handle
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{command, make(chan struct{})}
	c.processes = append(c.processes, p)
	go func() {
		_ = p.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return nil
}

// await waits for the certificate, then for readiness.
func (c *cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, p := range c.processes {
		go func() {
			select {
			case <-p.ended:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	var last error
	for {
		if last = c.ready(ctx); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(c.dir, "kube-apiserver.log"))
			return fmt.Errorf("wait for kube-apiserver: %w; its log ends with\n%s", errors.Join(ctx.Err(), last), log[max(0, len(log)-2000):])
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (c *cluster) ready(ctx context.Context) error {
	if c.client == nil {
		certificate, err := os.ReadFile(filepath.Join(c.dir, "cert", "apiserver.crt"))
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(certificate) {
			return errors.New("the server's certificate cannot be read")
		}
		c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 32}, Timeout: 5 * time.Minute}
	}
	code, text, err := c.do(ctx, http.MethodGet, "/readyz", "", nil)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("readyz: %d %.300s", code, text)
	}
	return err
}

func (c *cluster) do(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	response, text, err := c.send(ctx, method, path, contentType, body, nil)
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, text, nil
}

// send is do with further headers, and returns those of the answer.
func (c *cluster) send(ctx context.Context, method, path, contentType string, body []byte, header http.Header) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header["Idempotency-Key"] = []string{} // not sent: it lets the client ask again where the server closed an idle connection
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, text, err
}

func (c *cluster) get(ctx context.Context, path string, into any) error {
	code, text, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("GET %s: %d %.300s", path, code, text)
	}
	return json.Unmarshal(text, into)
}

// discover reads what the server serves: the kinds that can be applied.
func (c *cluster) discover(ctx context.Context) error {
	var groups struct {
		Groups []struct {
			Versions []struct{ GroupVersion string }
		}
	}
	if err := c.get(ctx, "/apis", &groups); err != nil {
		return err
	}
	paths := map[string]string{"v1": "/api/v1"}
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			paths[v.GroupVersion] = "/apis/" + v.GroupVersion
		}
	}
	c.resources = map[schema.GroupVersionKind]resource{}
	for version, path := range paths {
		var list struct {
			Resources []struct {
				Name, Kind string
				Namespaced bool
				Verbs      []string
			}
		}
		if err := c.get(ctx, path, &list); err != nil {
			return err
		}
		gv, err := schema.ParseGroupVersion(version)
		if err != nil {
			return err
		}
		for _, r := range list.Resources {
			if !strings.Contains(r.Name, "/") && slices.Contains(r.Verbs, "patch") {
				c.resources[gv.WithKind(r.Kind)] = resource{r.Name, r.Namespaced}
			}
		}
	}
	return nil
}

// install creates CustomResourceDefinitions and waits until they are served.
func (c *cluster) install(ctx context.Context, definitions map[string][]byte) error {
	const at = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	for name, text := range definitions {
		code, answer, err := c.do(ctx, http.MethodPost, at, "application/json", text)
		if err != nil {
			return err
		}
		if code != http.StatusCreated {
			return fmt.Errorf("install %s: %d %.500s", name, code, answer)
		}
	}
	for name := range definitions {
		if err := c.established(ctx, at+"/"+name, 2*time.Minute); err != nil {
			return err
		}
	}
	return nil
}

// established waits until a definition is in force.
func (c *cluster) established(ctx context.Context, path string, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		var definition struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if err := c.get(ctx, path, &definition); err != nil {
			return err
		}
		if slices.ContainsFunc(definition.Status.Conditions, func(s struct{ Type, Status string }) bool { return s.Type == "Established" && s.Status == "True" }) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not established", path)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// createNamespaces creates the namespaces that objects name, without labels: some admission plugins look them up.
func (c *cluster) createNamespaces(ctx context.Context, bases []base) error {
	created := map[string]bool{"": true, "default": true}
	for _, b := range bases {
		if created[b.Namespace] {
			continue
		}
		created[b.Namespace] = true
		text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": b.Namespace}})
		if err != nil {
			return err
		}
		code, answer, err := c.do(ctx, http.MethodPost, "/api/v1/namespaces", "application/json", text)
		if err != nil {
			return err
		}
		// A fixture may name one that cannot be.
		if code != http.StatusCreated && code != http.StatusConflict && code != http.StatusUnprocessableEntity {
			return fmt.Errorf("create namespace %s: %d %.300s", b.Namespace, code, answer)
		}
	}
	return nil
}

// answer is what the server says of an object.
type answer struct {
	admitted bool
	code     int
	message  string
	warnings []string // of an object that is admitted, sorted
}

// strictly are the parameters of a server-side apply.
const strictly = "fieldManager=kgate&force=true&fieldValidation=Strict"

// path is where the server serves an object.
func (c *cluster) path(kind schema.GroupVersionKind, namespace, name string) (string, error) {
	r, ok := c.resources[kind]
	if !ok {
		return "", fmt.Errorf("the server does not serve %s", kind)
	}
	path := "/apis/" + kind.Group + "/" + kind.Version
	if kind.Group == "" {
		path = "/api/" + kind.Version
	}
	if r.namespaced {
		path += "/namespaces/" + url.PathEscape(namespace)
	}
	return path + "/" + r.plural + "/" + url.PathEscape(name), nil
}

// judge applies an object on trial. name is the object's own, or that of the object it was made of.
func (c *cluster) judge(ctx context.Context, kind schema.GroupVersionKind, namespace, name string, text []byte) (answer, error) {
	path, err := c.path(kind, namespace, name)
	if err != nil {
		return answer{}, err
	}
	return c.applyAt(ctx, path+"?dryRun=All&"+strictly, text)
}

// applyAt applies an object at a path.
func (c *cluster) applyAt(ctx context.Context, path string, text []byte) (answer, error) {
	response, body, err := c.send(ctx, http.MethodPatch, path, "application/apply-patch+yaml", text, nil)
	if err != nil {
		// A handler that panics closes the connection, and nothing is applied.
		if errors.Is(err, io.EOF) && ctx.Err() == nil {
			return answer{message: "no answer: " + err.Error()}, nil
		}
		return answer{}, err
	}
	code := response.StatusCode
	if code < 300 {
		said, faulty := utilnet.ParseWarningHeaders(response.Header["Warning"])
		a := answer{admitted: true, code: code}
		for _, w := range said {
			a.warnings = append(a.warnings, w.Text)
		}
		slices.Sort(a.warnings)
		return a, errors.Join(faulty...)
	}
	var status struct{ Message string }
	if err := json.Unmarshal(body, &status); err != nil || status.Message == "" {
		status.Message = string(body)
	}
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout {
		return answer{}, fmt.Errorf("apply %s: %d %.300s", path, code, status.Message)
	}
	return answer{code: code, message: status.Message}, nil
}

// stop ends what start started, the server before its etcd, and removes its files.
func (c *cluster) stop() {
	for _, p := range slices.Backward(c.processes) {
		_ = p.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(20 * time.Second):
			_ = p.Process.Kill()
			<-p.ended
		}
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
