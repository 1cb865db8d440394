package acme_test

import (
	"flag"
	"os"
	"testing"
)

// The tests wait for the CA more than they compute: run many at once unless
// the command line says otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
