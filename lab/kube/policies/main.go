// kube-network-policies alone: for where the other programs are official binaries. Of this one there are none.
package main

import (
	"os"

	"voicequality.io/lab/kube/internal/policies"
)

func main() {
	os.Exit(policies.Main())
}
