package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const checkFlag = "check-site"

// smallServer is a TLS server for machines without nginx. Like nginx it has a
// configuration that can be checked, and it goes on with its last good pair.
type smallServer struct {
	site
	directory string
	listener  net.Listener

	mu   sync.Mutex
	last *tls.Certificate
}

// smallConfig is its configuration.
type smallConfig struct{ Certificate, Key string }

func (c smallConfig) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	return &pair, err
}

func readSmall(path string) (c smallConfig, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

func startSmall(dir, name string) (*smallServer, error) {
	live := filepath.Join(dir, "live")
	if err := os.MkdirAll(live, 0o755); err != nil {
		return nil, err
	}
	s := &smallServer{directory: dir, site: site{
		name: name, server: "a small Go TLS server", config: filepath.Join(dir, "server.json"),
		certificate: filepath.Join(live, "fullchain.pem"), key: filepath.Join(live, "privkey.pem"),
		reload: func() error { return nil }, // it reads its files at every handshake
	}}
	s.spoil, s.mend = func() error { return s.typo("", misprint) }, func() error { return s.typo(misprint, "") }
	text, err := json.Marshal(smallConfig{s.certificate, s.key})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.config, text, 0o644); err != nil {
		return nil, err
	}
	if s.listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.pair}); err != nil {
		return nil, err
	}
	s.address = s.listener.Addr().String()
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })}
	go func() { _ = server.Serve(s.listener) }()
	return s, nil
}

// misprint is what somebody types into the configuration by mistake.
const misprint = "neverlapse_was_here on;\n"

// typo replaces the beginning of the configuration.
func (s *smallServer) typo(from, to string) error {
	text, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	return os.WriteFile(s.config, []byte(to+strings.TrimPrefix(string(text), from)), 0o644)
}

// pair is what the files hold now, or what they last held if they do not fit.
func (s *smallServer) pair(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := readSmall(s.config)
	if err == nil {
		var now *tls.Certificate
		if now, err = c.load(); err == nil {
			s.last = now
		}
	}
	if s.last == nil {
		return nil, err
	}
	return s.last, nil
}

// target is the YAML of the target that feeds it.
func (s *smallServer) target() string {
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0]
	}
	return fmt.Sprintf("  - {name: %s, kind: file, options: {directory: %q, check: [%q, --%s, %q]}}\n", s.name, s.directory, exe, checkFlag, s.config)
}

// check is what the target runs before it relies on new files, as nginx -t.
func check(config string) int {
	c, err := readSmall(config)
	if err == nil {
		_, err = c.load()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: certificate %s, key %s: %v\n", config, c.Certificate, c.Key, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "%s: the configuration is ok\n", config)
	return 0
}
