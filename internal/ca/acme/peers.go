package acme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// peerHeader marks a request of a worker, which is not passed on again.
	peerHeader = "Neverlapse-Peer"
	peerLimit  = 4 * time.Second // CAs wait ten seconds or so
	// manyPeers bounds whom one request of anybody on the internet can have asked.
	manyPeers = 32
)

// Peers are the listeners of the other workers. A load balancer leads the CA to
// any of them, and the token is known to the one whose worker answers the
// challenge; so whoever does not know it asks the others. What goes between them
// is what the CA is told anyway, and no secret.
type Peers struct {
	hosts  []string // host:port; a name stands for all its addresses
	client *http.Client
}

// NewPeers checks the hosts, each with a port.
func NewPeers(hosts []string) (*Peers, error) {
	for _, h := range hosts {
		host, port, err := net.SplitHostPort(h)
		n, bad := strconv.Atoi(port)
		if err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%q is no worker's listener; write host:port, for example workers.internal:8089", h)
		}
	}
	return &Peers{hosts: hosts, client: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// answerTo asks all of them at once and gives the first answer; "" if there is none.
func (p *Peers) answerTo(ctx context.Context, token string) string {
	ctx, cancel := context.WithTimeout(ctx, peerLimit)
	defer cancel()
	addresses := p.addresses(ctx)
	answers := make(chan string)
	var asked sync.WaitGroup
	for _, a := range addresses {
		asked.Go(func() {
			text, err := p.ask(ctx, a, token)
			if err != nil {
				return
			}
			select {
			case answers <- text:
			case <-ctx.Done():
			}
		})
	}
	go func() { asked.Wait(); close(answers) }()
	return <-answers
}

func (p *Peers) addresses(ctx context.Context) (out []string) {
	for _, h := range p.hosts {
		host, port, _ := net.SplitHostPort(h)
		all := []string{host}
		if _, err := netip.ParseAddr(host); err != nil {
			if all, err = net.DefaultResolver.LookupHost(ctx, host); err != nil {
				continue
			}
		}
		for _, a := range all {
			if len(out) == manyPeers {
				return out
			}
			out = append(out, net.JoinHostPort(a, port))
		}
	}
	return out
}

var errUnlike = errors.New("not an answer to the token")

func (p *Peers) ask(ctx context.Context, address, token string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+challengePath+token, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set(peerHeader, "1")
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	text := string(body)
	// A key authorization is the token, a dot and a digest (RFC 8555, 8.1); our own probe is the token.
	if err != nil || resp.StatusCode != http.StatusOK || text != token && !strings.HasPrefix(text, token+".") {
		return "", errUnlike
	}
	return text, nil
}
