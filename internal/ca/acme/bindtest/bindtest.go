// Package bindtest is a real DNS: BIND as the authority of a few zones, which
// takes updates by RFC 2136 signed with TSIG, and a second BIND that resolves,
// validates DNSSEC and keeps nothing. Tests of the acme package and of whole
// installations start it. It is no part of the product.
package bindtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// The zones. Every name of Zone and of Bogus has the address 127.0.0.1.
const (
	Zone      = "acme.test"
	Delegated = "challenges.test" // to it leads _acme-challenge.shop.acme.test
	Bogus     = "bogus.test"      // the resolver expects DNSSEC and finds none
)

// The TSIG key that may change TXT records of Zone and of Delegated.
const (
	KeyName   = "neverlapse-key."
	Algorithm = "hmac-sha256."
	Secret    = "dGhpcyBpcyBhIHNlY3JldCBmb3IgdGVzdHMgb25seSEh"
)

// Server is a running pair.
type Server struct {
	Authority string // host:port; takes updates
	Resolver  string // host:port; answers for all zones
	processes []*process
}

// Find gives the path of BIND.
func Find() (string, error) {
	for _, name := range []string{"named", "/usr/sbin/named", "/usr/local/sbin/named"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("BIND is not installed (Debian and Ubuntu: apt-get install bind9)")
}

// New starts both below dir; port gives a free one. Close stops them.
func New(ctx context.Context, dir string, port func() (int, error)) (_ *Server, err error) {
	binary, err := Find()
	if err != nil {
		return nil, err
	}
	s := &Server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	var ports [2]int
	for i := range ports {
		if ports[i], err = port(); err != nil {
			return nil, err
		}
	}
	s.Authority, s.Resolver = fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	for _, part := range []struct {
		name, address string
		files         map[string]string
	}{
		{"authority", s.Authority, authority(ports[0])},
		{"resolver", s.Resolver, map[string]string{"named.conf": resolver(ports[1], ports[0])}},
	} {
		p, err := start(binary, filepath.Join(dir, part.name), part.files)
		if err != nil {
			return nil, err
		}
		s.processes = append(s.processes, p)
		if err := p.ready(ctx, part.address); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close stops both.
func (s *Server) Close() error {
	var errs []error
	for _, p := range s.processes {
		errs = append(errs, p.stop())
	}
	s.processes = nil
	return errors.Join(errs...)
}

// TXT gives the values at a name of Zone or Delegated, as the authority has them.
func (s *Server) TXT(ctx context.Context, name string) ([]string, error) {
	c := &dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	answer, _, err := c.ExchangeContext(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeTXT), s.Authority)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range answer.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			out = append(out, strings.Join(txt.Txt, ""))
		}
	}
	return out, nil
}

// process is one BIND.
type process struct {
	cmd *exec.Cmd
	log string
	end chan error
}

func start(binary, dir string, files map[string]string) (*process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o644); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(filepath.Join(dir, "named.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p := &process{cmd: exec.Command(binary, "-g", "-4", "-n", "1", "-c", filepath.Join(dir, "named.conf")), log: log.Name(), end: make(chan error, 1)}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.SysProcAttr = deathSignal()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.end <- p.cmd.Wait() }()
	return p, nil
}

// ready waits until it answers for a zone.
func (p *process) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c := &dns.Client{Timeout: time.Second}
		answer, _, err := c.ExchangeContext(ctx, new(dns.Msg).SetQuestion(Zone+".", dns.TypeSOA), address)
		if err == nil && answer.Rcode == dns.RcodeSuccess && len(answer.Answer) == 1 {
			return nil
		}
		select {
		case end := <-p.end:
			p.end <- end
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("BIND ended: %w\n%s", end, text)
		case <-ctx.Done():
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("BIND at %s does not answer: %w\n%s", address, errors.Join(err, ctx.Err()), text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.end:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.end
	}
	return nil
}

// TB is what Start needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Skip(args ...any)
	Fatal(args ...any)
}

// RequireEnv, when set, turns a missing server into a failure instead of a skip.
const RequireEnv = "NEVERLAPSE_REQUIRE_SERVERS"

// Start starts both for as long as the test lasts, or skips it where BIND is not installed.
func Start(tb TB, port func() (int, error)) *Server {
	tb.Helper()
	if _, err := Find(); err != nil {
		if os.Getenv(RequireEnv) != "" {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	s, err := New(context.Background(), tb.TempDir(), port)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// FreePort gives a port of 127.0.0.1 that is free for TCP and UDP.
func FreePort() (int, error) {
	var last error
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		last = errors.Join(err, l.Close())
		if err == nil {
			last = errors.Join(last, u.Close())
		}
		if last == nil {
			return port, nil
		}
	}
	return 0, last
}
