package harness

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// pairUp gives the world a second worker. Each has a configuration of its own,
// which differ in where they listen and in the address of the engine; whoever
// asks for an answer to a challenge is led to either.
func (w *World) pairUp(http01 int) error {
	text, err := os.ReadFile(w.Config)
	if err != nil {
		return err
	}
	var challenges [2]string
	for i := range challenges {
		if challenges[i], err = FreeAddress(); err != nil {
			return err
		}
	}
	if w.balancer, err = balance(fmt.Sprintf("127.0.0.1:%d", http01), challenges[:]); err != nil {
		return err
	}
	if w.SecondHTTP, err = FreeAddress(); err != nil {
		return err
	}
	pages, engines := [2]string{w.HTTP, w.SecondHTTP}, [2]string{w.Engine, w.Second}
	var files [2]string
	for i := range files {
		own := strings.NewReplacer(
			fmt.Sprintf(`acme_http: {listen: "127.0.0.1:%d"}`, http01), fmt.Sprintf(`acme_http: {listen: %q, peers: [%q, %q]}`, challenges[i], challenges[0], challenges[1]),
			w.HTTP, pages[i], w.Engine, engines[i],
		).Replace(string(text))
		files[i] = filepath.Join(w.Dir, fmt.Sprintf("worker-%d.yaml", i))
		if err := os.WriteFile(files[i], []byte(own), 0o600); err != nil {
			return err
		}
	}
	w.Config = files[0]
	w.SecondWork = &Process{Args: []string{w.Binaries.Worker, "--config", files[1]}, Env: w.env(), Log: filepath.Join(w.Dir, "worker-1.log")}
	return nil
}

// balance gives each connection to the next worker that takes it.
func balance(at string, workers []string) (net.Listener, error) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for i := range workers {
					up, err := net.Dial("tcp", workers[(n+i)%len(workers)])
					if err != nil {
						continue
					}
					defer up.Close()
					go func() { _, _ = io.Copy(up, conn) }()
					_, _ = io.Copy(conn, up)
					return
				}
			}()
		}
	}()
	return l, nil
}
