package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// site is a server of one name. Its configuration names the files of its pair
// in quotes, whatever kind of server it is.
type site struct {
	name, address string
	server        string // what serves it, for the reader
	config        string // file
	certificate   string // file, live
	key           string // file, live
	reload        func() error
}

// put installs a pair as an administrator does, and waits until it is served.
func (s *site) put(ctx context.Context, pair cert.Pair) error {
	if err := os.WriteFile(s.key, pair.Key, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.certificate, pair.Chain, 0o644); err != nil {
		return err
	}
	if err := s.reload(); err != nil {
		return err
	}
	want := targettest.FingerprintOf(pair)
	return wait(ctx, s.name+" to serve what was put there", func() bool { return s.served(ctx) == want })
}

// served is what a fresh handshake shows; empty if there was none.
func (s *site) served(ctx context.Context) cert.Fingerprint {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	f, err := targettest.Served(ctx, s.address, s.name)
	if err != nil {
		return ""
	}
	return f
}

// pinnedKey is where the copy of a key lies that the configuration is pinned to.
func (s *site) pinnedKey() string { return filepath.Join(filepath.Dir(s.config), s.name+".key") }

// pinKey makes the mistake that nobody notices before the next renewal: the
// configuration names a copy of today's key instead of the live one.
func (s *site) pinKey() error {
	key, err := os.ReadFile(s.key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.pinnedKey(), key, 0o600); err != nil {
		return err
	}
	return s.rename(s.key, s.pinnedKey())
}

// unpinKey mends it.
func (s *site) unpinKey() error { return s.rename(s.pinnedKey(), s.key) }

// rename replaces a file's name in the configuration, and reloads.
func (s *site) rename(from, to string) error {
	text, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	changed := strings.ReplaceAll(string(text), fmt.Sprintf("%q", from), fmt.Sprintf("%q", to))
	if changed == string(text) {
		return fmt.Errorf("%s does not name %s", s.config, from)
	}
	if err := os.WriteFile(s.config, []byte(changed), 0o644); err != nil {
		return err
	}
	return s.reload()
}

// premises are the servers of all scenes: one nginx, or small Go servers.
type premises struct {
	nginx   targettest.NginxOptions
	targets string // YAML of the Go servers' targets
	small   []*smallServer
}

// lay decides on the servers, and starts the small ones.
func lay(dir string, noNginx bool) (*premises, error) {
	p := &premises{}
	if binary, err := targettest.FindNginx(); err == nil && !noNginx {
		p.nginx.Binary = binary
		for _, sc := range scenes {
			p.nginx.Servers = append(p.nginx.Servers, targettest.NginxServer{Name: sc.host})
		}
		return p, nil
	}
	for _, sc := range scenes {
		small, err := startSmall(filepath.Join(dir, "sites", sc.host), sc.host)
		if err != nil {
			return nil, err
		}
		p.small = append(p.small, small)
		p.targets += small.target()
	}
	return p, nil
}

// open gives the sites by name, once nginx runs.
func (p *premises) open(n *targettest.Nginx) map[string]*site {
	out := map[string]*site{}
	for _, s := range p.small {
		out[s.name] = &s.site
	}
	if n == nil {
		return out
	}
	for i, s := range n.Servers {
		out[s.Name] = &site{
			name: s.Name, address: n.Addresses[i], server: "nginx", config: n.Config, certificate: s.Certificate, key: s.Key,
			reload: func() error { return n.Signal(syscall.SIGHUP) },
		}
	}
	return out
}

func (p *premises) close() {
	for _, s := range p.small {
		_ = s.listener.Close()
	}
}

// aged makes a pair that has only this long to live.
func aged(name string, left time.Duration) (cert.Pair, error) {
	now := time.Now()
	return targettest.NewPair([]string{name}, now.Add(-time.Minute), now.Add(left))
}
