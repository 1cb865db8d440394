package scantest

import (
	"net"
	"sync/atomic"
	"testing"
)

// Silent listens on loopback, answers nobody, and counts who comes. It holds every
// connection until the test has ended, or hangs up at once.
func Silent(t *testing.T, hold bool) (address string, came *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came = &atomic.Int32{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			if hold {
				defer c.Close()
			} else {
				c.Close() // who came has been counted
			}
		}
	}()
	t.Cleanup(func() {
		ln.Close() // ends the loop
		<-ended
	})
	return ln.Addr().String(), came
}
