// Kubernetes' control plane as the lab needs it, in one static binary that acts
// by the name it is called by: etcd or kube-apiserver.
//
// The lab builds it only where neither the machine nor the internet offers the
// official binaries.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "call this program as etcd or kube-apiserver, not as %s\n", name)
		os.Exit(2)
	}
}
