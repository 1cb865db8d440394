package acme_test

import (
	"flag"
	"os"
	"sync"
	"testing"
)

// The tests wait for the CA more than they compute: run many at once unless
// the command line says otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, end := range ends.all {
		end()
	}
	os.Exit(code)
}

var ends struct {
	sync.Mutex
	all []func()
}

// afterAll is for what tests share: it ends with the process.
func afterAll(end func()) {
	ends.Lock()
	defer ends.Unlock()
	ends.all = append(ends.all, end)
}
