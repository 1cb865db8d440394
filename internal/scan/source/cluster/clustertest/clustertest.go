// Package clustertest gives the tests of sources that look into a cluster the part
// of it that is theirs. It starts none: package kubetest does.
package clustertest

import (
	"testing"

	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// Where is the cluster as a user sees it, called prod, and of it only what has the
// label of a world.
func Where(t testing.TB, c *kubetest.Cluster, user, world string) cluster.Where {
	t.Helper()
	config, err := c.Kubeconfig(t.TempDir(), user)
	if err != nil {
		t.Fatal(err)
	}
	return cluster.Where{Access: kube.Access{Kubeconfig: config}, Cluster: "prod", Labels: "world=" + world}
}
