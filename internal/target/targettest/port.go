package targettest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

var (
	portsMu sync.Mutex
	ports   = map[int]bool{}
)

// FreePort gives a port of 127.0.0.1 on which nobody listens, each only once in
// this process. It lies below those that kernels give to outgoing connections
// and the engine takes, so it is still free when a server is started again.
func FreePort() (int, error) {
	const low, high, tries = 10000, 20000, 200
	portsMu.Lock()
	defer portsMu.Unlock()
	var last error
	for range tries {
		port := low + rand.IntN(high-low)
		if ports[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		if last = l.Close(); last == nil {
			ports[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// freeAddresses gives loopback addresses that nobody listens on.
func freeAddresses(count int) ([]string, error) {
	var out []string
	for range count {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return out, nil
}
