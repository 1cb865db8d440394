package main

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// premises are the servers of all hosts: one nginx, and one of its own for the
// host whose server a button breaks; or small Go servers.
type premises struct {
	nginx   targettest.NginxOptions
	apart   *targettest.Nginx
	targets string // YAML of the targets that the world does not know
	small   []*smallServer
}

// lay decides on the servers, and starts those that the world does not.
func lay(dir string, noNginx bool) (*premises, error) {
	p := &premises{}
	binary, err := targettest.FindNginx()
	if err != nil || noNginx {
		for _, s := range subjects() {
			small, err := startSmall(filepath.Join(dir, "sites", s.host), s.host)
			if err != nil {
				p.close()
				return nil, err
			}
			p.small = append(p.small, small)
			p.targets += small.target()
		}
		return p, nil
	}
	p.nginx.Binary = binary
	for _, s := range subjects() {
		if s.name != breakable {
			p.nginx.Servers = append(p.nginx.Servers, targettest.NginxServer{Name: s.host})
		}
	}
	prefix := filepath.Join(dir, "nginx-apart")
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return nil, err
	}
	if p.apart, err = targettest.StartNginx(prefix, targettest.NginxOptions{Binary: binary, Servers: []targettest.NginxServer{{Name: breakable + ".test"}}}); err != nil {
		return nil, err
	}
	p.targets = harness.NginxTarget(p.apart, 0) + "\n"
	return p, nil
}

// open gives the sites by host, once the world's nginx runs.
func (p *premises) open(n *targettest.Nginx) map[string]*site {
	out := map[string]*site{}
	for _, s := range p.small {
		out[s.name] = &s.site
	}
	for _, n := range []*targettest.Nginx{n, p.apart} {
		if n == nil {
			continue
		}
		for i, s := range n.Servers {
			out[s.Name] = &site{
				name: s.Name, address: n.Addresses[i], server: "nginx", config: n.Config, certificate: s.Certificate, key: s.Key,
				reload: func() error { return n.Signal(syscall.SIGHUP) }, spoil: n.BreakConfig, mend: n.RepairConfig,
			}
		}
	}
	return out
}

func (p *premises) close() {
	for _, s := range p.small {
		_ = s.listener.Close()
	}
	if p.apart != nil {
		_ = p.apart.Stop()
	}
}
