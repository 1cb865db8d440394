package scripts

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// keep puts a chain, and its key from FILE.key, into the store of a folder as the
// live version of a certificate; the store is made if it is missing.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: keep DATA NAME FILE")
	}
	data, name, ctx := ts.MkAbs(args[0]), args[1], context.Background()
	ts.Check(os.MkdirAll(data, 0o700))
	o := store.Options{Path: filepath.Join(data, "store"), KeyFile: filepath.Join(data, "store.key")}
	if err := store.GenerateKeyFile(o.KeyFile); !fault.Is(err, fault.Conflict) {
		ts.Check(err)
	}
	s, err := o.Open(ctx)
	ts.Check(err)
	was, err := s.Live(ctx, name)
	ts.Check(err)
	v, err := s.PutVersion(ctx, name, "test", cert.Pair{Chain: []byte(ts.ReadFile(args[2])), Key: []byte(ts.ReadFile(args[2] + ".key"))})
	ts.Check(err)
	ts.Check(errors.Join(s.SetLive(ctx, name, v.Fingerprint, was), s.Close()))
}
