package scripts

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// certificate writes a chain of a CA of its own. LEFT may be negative.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: certificate FILE LIFETIME LEFT NAME...")
	}
	ca, err := targettest.NewCA()
	ts.Check(err)
	end := time.Now().Add(span(ts, args[2]))
	pair, err := ca.Issue(args[3:], end.Add(-span(ts, args[1])), end)
	ts.Check(err)
	for name, data := range map[string][]byte{args[0]: pair.Chain, args[0] + ".key": pair.Key, "roots.pem": ca.RootPEM()} {
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o600))
	}
}

// span reads a duration that may lie in the past.
func span(ts *testscript.TestScript, text string) time.Duration {
	rest, past := strings.CutPrefix(text, "-")
	d, err := lifecycle.ParseDuration(rest)
	ts.Check(err)
	if past {
		return -d
	}
	return d
}

// serve answers handshakes with a chain until the script ends.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve VARIABLE FILE")
	}
	pair, err := tls.LoadX509KeyPair(ts.MkAbs(args[1]), ts.MkAbs(args[1]+".key"))
	ts.Check(err)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	ts.Setenv(args[0], ln.Addr().String())
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c)
			}(conn)
		}
	}()
}
