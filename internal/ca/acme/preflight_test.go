package acme_test

import (
	"net/http"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// wantNoOrder asks for an order that the preflight has to refuse.
func (w *world) wantNoOrder(order cert.Order, kind fault.Kind, words ...string) {
	w.t.Helper()
	var asked recorder
	w.OnRequest(asked.saw)
	_, err := w.client().Order(testContext(w.t), order)
	wantKind(w.t, err, kind)
	wantText(w.t, err, append(words, "nothing was ordered")...)
	if n := asked.at(string(pebbletest.Order)); n != 0 {
		w.t.Errorf("%v: the CA got %d orders", order.Names, n)
	}
}

func TestCAARecordsAreReadBeforeAnOrder(t *testing.T) {
	t.Parallel()
	w, _ := newDNSWorld(t, pebbletest.Options{})
	names := func(all ...string) cert.Order { return cert.Order{Names: all} }
	w.wantNoOrder(names("closed.acme.test"), fault.Configuration, `CAA records of closed.acme.test (issue) do not allow this CA`, "allows nobody",
		`add the record: closed.acme.test. CAA 0 issue "pebble.letsencrypt.org"`)
	w.wantNoOrder(names("deep.below.other.acme.test"), fault.Configuration, "CAA records of other.acme.test", `"other.example" is another CA`)
	w.wantNoOrder(names("alias.acme.test"), fault.Configuration, `"other.example" is another CA`)
	w.wantNoOrder(names("ours.acme.test"), fault.Configuration, `"pebble.letsencrypt.org; accounturi=x" is for another account than https://`)
	w.wantNoOrder(names("strange.acme.test"), fault.Configuration, `critical property "future"`)
	w.wantNoOrder(byDNS("*.wild.acme.test"), fault.Configuration, "CAA records of wild.acme.test (issuewild)", `add the record: wild.acme.test. CAA 0 issuewild "pebble.letsencrypt.org"`)
	// Every name that is refused is told, and what is allowed is ordered.
	w.wantNoOrder(names("a.acme.test", "closed.acme.test", "other.acme.test"), fault.Configuration, "closed.acme.test", "other.acme.test")
	if _, err := w.client().Order(testContext(t), names("a.acme.test", "wild.acme.test")); err != nil {
		t.Error(err)
	}
	w.options.Preflight = []string{acme.CheckDNSSEC, acme.CheckReachability}
	if _, err := w.client().Order(testContext(t), names("closed.acme.test")); err != nil {
		t.Errorf("with the check off: %v", err)
	}
}

func TestBrokenDNSSECIsSeenBeforeAnOrder(t *testing.T) {
	t.Parallel()
	w, _ := newDNSWorld(t, pebbletest.Options{})
	w.wantNoOrder(cert.Order{Names: []string{"a.bogus.test"}}, fault.Validation, "the DNSSEC of a.bogus.test is broken", "its DS record")
	w.wantNoOrder(byDNS("*.bogus.test"), fault.Validation, "the DNSSEC of _acme-challenge.bogus.test is broken")
}

func TestANameThatLeadsElsewhereIsSeenBeforeAnOrder(t *testing.T) {
	t.Parallel()
	w, _ := newDNSWorld(t, pebbletest.Options{})
	e := newElsewhere(t, false)
	here := w.options.HTTPPort
	for _, way := range []string{acme.HTTP01, acme.TLSALPN01} {
		w.wantNoOrder(cert.Order{Names: []string{"nowhere.acme.test"}, Challenge: way}, fault.Validation, "nowhere.acme.test has no address in the DNS")
	}
	w.options.HTTPPort, w.options.TLSPort = portOf(e.server), portOf(e.server)
	w.wantNoOrder(cert.Order{Names: []string{"a.acme.test"}}, fault.Validation, "with HTTP 404 instead of our challenge: it is not this worker", "lead port 80 of the name to acme_http.listen")
	w.wantNoOrder(cert.Order{Names: []string{"a.acme.test"}, Challenge: acme.TLSALPN01}, fault.Validation, "port 443 of a.acme.test cannot be reached", "lead it to acme_tls.listen")
	e.server.Close()
	w.wantNoOrder(cert.Order{Names: []string{"a.acme.test"}}, fault.Validation, "port 80 of a.acme.test cannot be reached", "connection refused", "take reachability out of preflight")
	w.options.Preflight = []string{acme.CheckNothing}
	if _, err := w.client().Order(testContext(t), cert.Order{Names: []string{"a.acme.test"}}); err != nil {
		t.Errorf("with the checks off: %v", err)
	}
	// A redirect to where the challenge is answered is as good, as it is for CAs.
	w.options.Preflight, w.options.HTTPPort = nil, serveRedirect(t, here)
	if _, err := w.client().Order(testContext(t), cert.Order{Names: []string{"a.acme.test"}}); err != nil {
		t.Errorf("with a redirect: %v", err)
	}
}

// A DNS that is silent says nothing about the names: the CA will tell.
func TestASilentResolverStopsNoOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	c, err := acme.New("pebble", w.options, w.accounts, acme.Ways{HTTP: w.listener, Resolver: acme.NewResolver([]string{"127.0.0.1:1"})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Order(testContext(t), cert.Order{Names: []string{"a.example.com"}}); err != nil {
		t.Error(err)
	}
}

func TestWhatIsCheckedBeforeAnOrderIsNamedRight(t *testing.T) {
	t.Parallel()
	o := acme.Options{Directory: "letsencrypt", AcceptTerms: true, Preflight: []string{"caa", "dane"}}
	wantText(t, o.Validate(), `preflight: "dane" is not known; use some of caa, dnssec, reachability, or none`)
	o.Preflight = []string{"caa", "none"}
	wantText(t, o.Validate(), `preflight: "none" stands alone`)
	o.Preflight, o.HTTPPort = nil, 65536
	wantText(t, o.Validate(), "http_port: 65536 is no port")
}

// serveRedirect sends every request on to another port of the same host.
func serveRedirect(t *testing.T, port int) int {
	t.Helper()
	return serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, redirected(r, port), http.StatusFound)
	}))
}
