package telemetry

import (
	"context"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

func adapterArguments() *check.Check {
	return &check.Check{
		Name:  "telemetry/adapter-arguments",
		Title: "Prometheus' adapter knows its arguments",
		Doc: "prometheus-adapter ends with an argument that it does not know, and every autoscaler of the cluster that asks for a metric of one's own is " +
			"without it. Refused is what is a typing error away from an argument of 0.12 in a container that runs an image of that name.",
		Fix:      "Correct the argument.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{"https://github.com/kubernetes-sigs/prometheus-adapter/blob/v0.12.0/cmd/adapter/adapter.go"},
		Bad:        argumentsBad, Good: argumentsGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			known := adapterFlags()
			for _, target := range pass.Targets {
				for _, object := range target.Applied() {
					base := manifest.Path{"spec", "template", "spec", "containers"}
					for i, container := range manifest.ListAt(object.Value, base...) {
						if name := imageName(manifest.TextAt(container, "image")); name != "prometheus-adapter" && name != "k8s-prometheus-adapter" {
							continue
						}
						for _, field := range []string{"args", "command"} {
							for j, value := range manifest.ListAt(container, field) {
								argument, _ := value.(string)
								name, _, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
								if !strings.HasPrefix(argument, "--") || slices.Contains(known, name) {
									continue
								}
								if meant := spelling.Slip(name, known); meant != "" {
									at := place{pass, target, object, base}.at(i, field, j)
									at.report("there is no argument --%s of prometheus-adapter: it does not start%s", name, question("--"+meant))
								}
							}
						}
					}
				}
			}
			return ctx.Err()
		},
	}
}

// imageName is the last part of an image's repository.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}

// adapterFlags are those of prometheus-adapter 0.12, of the server that it is built on, and of its log.
func adapterFlags() []string {
	return strings.Fields(`
		prometheus-url prometheus-auth-incluster prometheus-auth-config prometheus-ca-file prometheus-client-tls-cert-file
		prometheus-client-tls-key-file prometheus-token-file prometheus-header prometheus-verb config metrics-relist-interval metrics-max-age
		disable-http2 lister-kubeconfig client-qps client-burst discovery-interval kubeconfig
		audit-log-compress audit-log-format audit-log-maxage audit-log-maxbackup audit-log-maxsize audit-log-path audit-log-version
		audit-policy-file audit-webhook-batch-initial-backoff audit-webhook-config-file audit-webhook-initial-backoff audit-webhook-version
		authentication-kubeconfig authentication-skip-lookup authentication-token-webhook-cache-ttl authentication-tolerate-lookup-failure
		authorization-always-allow-paths authorization-kubeconfig authorization-webhook-cache-authorized-ttl
		authorization-webhook-cache-unauthorized-ttl bind-address cert-dir client-ca-file contention-profiling debug-socket-path
		enable-priority-and-fairness http2-max-streams-per-connection permit-address-sharing permit-port-sharing profiling
		requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers
		requestheader-uid-headers requestheader-username-headers secure-port tls-cert-file tls-cipher-suites tls-curve-preferences
		tls-min-version tls-private-key-file tls-sni-cert-key logtostderr alsologtostderr stderrthreshold log-dir log_dir log-file log_file
		log-file-max-size log_file_max_size skip-headers skip_headers skip-log-headers skip_log_headers add-dir-header add_dir_header
		one-output one_output vmodule v version help`)
}
