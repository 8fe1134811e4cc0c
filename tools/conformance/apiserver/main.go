// Command apiserver is the kube-apiserver of the Kubernetes version that kgate links, for the comparison with it. It is a
// module of its own so that it is built with the dependencies that Kubernetes pins, not with kgate's.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
