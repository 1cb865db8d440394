package target_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// load is what clients sent while pairs were replaced, and what became of it.
type load struct {
	sent, answered atomic.Int64
	mu             sync.Mutex
	lost           []error
}

func (l *load) count(err error) {
	l.sent.Add(1)
	if err == nil {
		l.answered.Add(1)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = append(l.lost, err)
}

// client verifies what it is served, and waits longer than any pause of a reload.
type client struct {
	http.Client
	dials atomic.Int64
}

func newClient(roots *x509.CertPool, keepAlive bool) *client {
	c := &client{}
	c.Timeout = 2 * time.Minute
	c.Transport = &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "a.test"},
		DisableKeepAlives: !keepAlive,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c.dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	return c
}

func (l *load) get(c *client, address string) {
	resp, err := c.Get("https://" + address + "/")
	l.count(drained(resp, err))
}

// post is no request that Go's client would send a second time by itself.
func (l *load) post(c *client, address string) {
	resp, err := c.Post("https://"+address+"/", "text/plain", strings.NewReader("an order"))
	l.count(drained(resp, err))
}

func drained(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode/100 != 2 {
		err = errors.Join(err, errors.New(resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}

// clients are enough to have a request under way at every instant.
const clients = 4

// underLoad runs the clients while pairs of one CA are installed, each one
// proven on the wire and each met by requests.
func underLoad(t *testing.T, tgt targettest.Target, address string, ca *targettest.CA, request func(l *load, client int)) *load {
	t.Helper()
	rounds := 3
	if os.Getenv("NEVERLAPSE_LONG") != "" {
		rounds = 40
	}
	l := &load{}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				request(l, i)
			}
		})
	}
	defer wg.Wait()
	defer stop()
	for range rounds {
		pair := issue(t, ca)
		install(t, tgt, pair)
		serves(t, address, targettest.FingerprintOf(pair))
		for was := l.sent.Load(); l.sent.Load() < was+2*clients; {
			time.Sleep(time.Millisecond)
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d new pairs under load: %d requests, %d answered, %d lost", rounds, l.sent.Load(), l.answered.Load(), len(l.lost))
	return l
}

func issue(t testing.TB, ca *targettest.CA) cert.Pair {
	t.Helper()
	pair, err := ca.Issue(targettest.Names, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	must(t, err)
	return pair
}

func newCA(t testing.TB) *targettest.CA {
	t.Helper()
	ca, err := targettest.NewCA()
	must(t, err)
	return ca
}

func (l *load) nothingLost(t *testing.T) {
	t.Helper()
	for i, err := range l.lost {
		if i == 5 {
			break
		}
		t.Errorf("lost: %v", err)
	}
	if l.answered.Load() != l.sent.Load() {
		t.Errorf("%d requests, %d answered", l.sent.Load(), l.answered.Load())
	}
}

// refusesNoNewConnection has every request on a connection of its own.
func refusesNoNewConnection(t *testing.T, tgt targettest.Target, address string, ca *targettest.CA) {
	t.Helper()
	c := newClient(ca.Pool(), false)
	underLoad(t, tgt, address, ca, func(l *load, _ int) { l.get(c, address) }).nothingLost(t)
}

func TestUnderLoadNginxRefusesNoNewConnection(t *testing.T) {
	dir, ca := t.TempDir(), newCA(t)
	n := startNginx(t, dir, targettest.NginxServer{Name: "a.test", Initial: issue(t, ca)})
	tgt, err := target.NewNginx("web", nginxOptions(n.Binary, dir, target.Files{Directory: n.Directory(0)}))
	must(t, err)
	refusesNoNewConnection(t, tgt, n.Addresses[0], ca)
}

func TestUnderLoadApacheRefusesNoNewConnection(t *testing.T) {
	dir, ca := t.TempDir(), newCA(t)
	a := startApache(t, dir, issue(t, ca))
	tgt, err := target.NewApache("web", apacheOptions(a.Binary, dir))
	must(t, err)
	refusesNoNewConnection(t, tgt, a.Addresses[0], ca)
}

func TestUnderLoadHAProxyRefusesNoNewConnection(t *testing.T) {
	for _, by := range []string{"socket", "master"} {
		t.Run(by, func(t *testing.T) {
			ca := newCA(t)
			h := startHAProxy(t, t.TempDir(), issue(t, ca))
			refusesNoNewConnection(t, newHAProxy(t, haproxyOptions(h, by)), h.Addresses[0], ca)
		})
	}
}

// Requests that must not be repeated, on connections that stay open: a reload
// loses some of them, the runtime API none. HAProxy counts them, too.
func TestUnderLoadTheRuntimeAPIOfHAProxyLosesNoRequestAtAll(t *testing.T) {
	ca := newCA(t)
	h := startHAProxy(t, t.TempDir(), issue(t, ca))
	var keeping [clients]*client
	for i := range keeping {
		keeping[i] = newClient(ca.Pool(), true)
	}
	l := underLoad(t, newHAProxy(t, haproxyOptions(h, "socket")), h.Addresses[0], ca, func(l *load, i int) {
		l.post(keeping[i], h.Addresses[0])
	})
	l.nothingLost(t)
	for i, c := range keeping {
		if n := c.dials.Load(); n != 1 {
			t.Errorf("client %d made %d connections: its first one did not stay open", i, n)
		}
	}
	if got := answeredBy(t, h); got != l.sent.Load() {
		t.Errorf("HAProxy answered %d requests, the clients sent %d", got, l.sent.Load())
	}
}

// answeredBy is what HAProxy counted at its frontend.
func answeredBy(t testing.TB, h *targettest.HAProxy) int64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(strings.TrimLeft(ask(t, h.Socket, "show stat\n"), "# "))).ReadAll()
	must(t, err)
	at := slices.Index(rows[0], "hrsp_2xx")
	for _, row := range rows[1:] {
		if row[0] == "fe" && row[1] == "FRONTEND" {
			n, err := strconv.ParseInt(row[at], 10, 64)
			must(t, err)
			return n
		}
	}
	t.Fatal(fmt.Sprint("HAProxy shows no frontend: ", rows))
	return 0
}
