package pebbletest

// TB is what Start needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Fatalf(format string, args ...any)
}

// Start starts a CA that lives as long as the test.
func Start(tb TB, o Options) *CA {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	p, err := New(o)
	if err != nil {
		tb.Fatalf("start the CA: %v", err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return p
}
