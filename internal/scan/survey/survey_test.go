package survey_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
)

// names is a resolver that counts.
type names struct {
	of    map[string][]string
	asked atomic.Int32
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.asked.Add(1)
	var out []netip.Addr
	for _, a := range n.of[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

// gather looks at endpoints and gives the records.
func gather(t *testing.T, e *survey.Endpoints, asks []survey.Ask) ([]survey.Record, *survey.Ledger, int) {
	t.Helper()
	var l survey.Ledger
	e.Found = l.Add
	if err := e.Look(t.Context(), asks); err != nil {
		t.Fatal(err)
	}
	return l.Records(), &l, e.Silent
}

func codes(all []cert.Finding) (out []string) {
	for _, f := range all {
		out = append(out, string(f.Code))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestOneCertificateAtFivePlacesIsOneRecord(t *testing.T) {
	a := scantest.NewAuthority(t)
	leaf, other := a.Leaf(t, nil, "shop.test", "www.shop.test"), a.Leaf(t, nil, "other.test")
	var asks []survey.Ask
	for _, host := range []string{"shop.test", "www.shop.test", "old.shop.test"} {
		e := scantest.ServeTLS(t, "127.0.0.1:0", a.Chain(leaf), nil)
		e.Host = host
		asks = append(asks, survey.Ask{Endpoint: e})
	}
	e := scantest.ServeTLS(t, "127.0.0.1:0", a.Chain(other), nil)
	asks = append(asks, survey.Ask{Endpoint: e}, survey.Ask{Endpoint: cert.Endpoint{Host: "gone.test", Port: 443}})
	dns := &names{of: map[string][]string{"shop.test": {"127.0.0.1"}, "www.shop.test": {"127.0.0.1"}, "old.shop.test": {"127.0.0.1"}}}
	s := scan.New(scan.Options{Roots: a.Roots, Resolver: survey.NewOnce(dns)})
	dir := t.TempDir()
	for _, name := range []string{"a.pem", "b.crt"} {
		write(t, filepath.Join(dir, name), cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert}))
	}

	var l survey.Ledger
	hosts := survey.Endpoints{Scanner: s, Found: l.Add}
	files := survey.Files{Scanner: s, Found: l.Add}
	if err := errors.Join(hosts.Look(t.Context(), asks), files.Walk(t.Context(), []string{dir})); err != nil {
		t.Fatal(err)
	}
	records := l.Records()
	if len(records) != 2 {
		t.Fatalf("%d records, want one for each certificate: %+v", len(records), records)
	}
	i := slices.IndexFunc(records, func(r survey.Record) bool { return r.Version.Fingerprint == cert.FingerprintOf(leaf.Cert) })
	r := records[i]
	if len(r.Places) != 5 || len(r.Findings) != 0 {
		t.Fatalf("%d places, findings %v", len(r.Places), r.Findings)
	}
	for _, p := range r.Places {
		want := []string(nil)
		if strings.HasPrefix(p.Where, "old.shop.test:") {
			want = []string{"name-mismatch"}
		}
		if got := codes(p.Findings); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p.Where, got, want)
		}
	}
	if len(l.Unread) != 1 || !slices.Equal(codes(l.Unread[0].Findings), []string{"unreachable"}) {
		t.Errorf("unread %+v", l.Unread)
	}
}

func TestANameIsLookedUpOnce(t *testing.T) {
	dns := &names{of: map[string][]string{"many.test": {"127.0.0.1"}}}
	s := scan.New(scan.Options{Resolver: survey.NewOnce(dns), Dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }})
	var asks []survey.Ask
	for port := range 50 {
		asks = append(asks, survey.Ask{Endpoint: cert.Endpoint{Host: "many.test", Port: port + 1}})
	}
	_, l, _ := gather(t, &survey.Endpoints{Scanner: s}, asks)
	if dns.asked.Load() != 1 || len(l.Unread) != 50 {
		t.Errorf("%d lookups, %d unread", dns.asked.Load(), len(l.Unread))
	}
}

func TestHostsTakeTurnsAndSuspectsAreFirst(t *testing.T) {
	var order []string
	s := scan.New(scan.Options{Parallel: 1, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		order = append(order, address)
		return nil, syscall.ECONNREFUSED
	}})
	var asks []survey.Ask
	for _, text := range []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.2:1", "127.0.0.3:1"} {
		e, err := cert.ParseEndpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		asks = append(asks, survey.Ask{Endpoint: e})
	}
	gather(t, &survey.Endpoints{Scanner: s, Suspects: map[string]bool{"127.0.0.3:1": true}}, asks)
	if want := []string{"127.0.0.3:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.1:2", "127.0.0.1:3"}; !slices.Equal(order, want) {
		t.Errorf("asked %v, want %v", order, want)
	}
}

// A fleet that answers at once needs few connections; one that hangs needs many.
func TestAsManyAreAskedAtOnceAsItTakes(t *testing.T) {
	const many = 1000
	var asks []survey.Ask
	for i := range 2 * many {
		asks = append(asks, survey.Ask{Endpoint: cert.Endpoint{Host: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), Port: 443}})
	}
	atOnce := func(answer time.Duration) (most int64) {
		synctest.Test(t, func(t *testing.T) {
			var now, peak atomic.Int64
			s := scan.New(scan.Options{Parallel: many, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				if n := now.Add(1); n > peak.Load() {
					peak.Store(n)
				}
				defer now.Add(-1)
				select {
				case <-time.After(answer):
					return nil, syscall.ECONNREFUSED
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}})
			gather(t, &survey.Endpoints{Scanner: s}, asks)
			most = peak.Load()
			time.Sleep(time.Second) // the scanner measures its pace a little longer
		})
		return most
	}
	if most, few := atOnce(10*time.Millisecond), int64(32*runtime.GOMAXPROCS(0)); most > few {
		t.Errorf("%d connections at once to those who answer, want at most %d", most, few)
	}
	if most := atOnce(time.Hour); most != many {
		t.Errorf("%d connections at once to those who hang, want %d", most, many)
	}
}

func TestSilentAddressesOfANetworkAreCountedAndNotListed(t *testing.T) {
	a := scantest.NewAuthority(t)
	e := scantest.ServeTLS(t, "127.0.0.2:0", a.Chain(a.Leaf(t, nil, "www.test")), nil)
	asks, err := survey.Parse("127.0.0.0/29", survey.Defaults{Networks: true, MostAddresses: 8, Ports: []int{e.Port}})
	if err != nil || len(asks) != 8 {
		t.Fatalf("%d, %v", len(asks), err)
	}
	records, l, silent := gather(t, &survey.Endpoints{Scanner: scan.New(scan.Options{Roots: a.Roots})}, asks)
	if len(records) != 1 || silent != 7 || len(l.Unread) != 0 || len(records[0].All()) != 0 {
		t.Errorf("%d records, %d silent, unread %v", len(records), silent, l.Unread)
	}
}

func TestASurveyThatIsStoppedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := scan.New(scan.Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	asks, err := survey.Parse("127.0.0.0/24", survey.Defaults{Networks: true, MostAddresses: 256})
	if err != nil {
		t.Fatal(err)
	}
	e := survey.Endpoints{Scanner: s, Found: func(f survey.Found) { t.Errorf("told %+v", f) }}
	if err := e.Look(ctx, asks); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAListSaysIsReadAndItsMistakesAreTold(t *testing.T) {
	d := survey.Defaults{MostAddresses: 20}
	asks, err := survey.ReadList("hosts", strings.NewReader(`
# a comment
www.Example.com
mail.example.com:993   # another
smtp://mx.example.com
mx.example.com starttls=smtp
10.0.0.1 sni=shop.example.com ports=443,8443-8444 names=shop.example.com,www.example.com
[2001:db8::1]:8443#six.example.com
`), d)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range asks {
		got = append(got, a.Endpoint.String())
	}
	want := []string{
		"www.example.com:443", "mail.example.com:993", "smtp://mx.example.com:25", "smtp://mx.example.com:25",
		"10.0.0.1:443#shop.example.com", "10.0.0.1:8443#shop.example.com", "10.0.0.1:8444#shop.example.com", "[2001:db8::1]:8443#six.example.com",
	}
	if !slices.Equal(got, want) || !slices.Equal(asks[4].Names, []string{"shop.example.com", "www.example.com"}) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for line, why := range map[string]string{
		"bad_host!":                 "hosts:1: ",
		"www.example.com snj=x":     `"snj=x" is not known`,
		"www.example.com ports=0":   "no port from 1 to 65535",
		"www.example.com ports=9-1": "no port from 1 to 65535",
		"10.0.0.0/30":               "a whole network is scanned only if --networks",
		"telnet://www.example.com":  "telnet",
		strings.Repeat("a", 5000):   "hosts:1: ",
	} {
		if _, err := survey.ReadList("hosts", strings.NewReader(line), d); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40s: %v, want %q", line, err, why)
		}
	}
	d.Networks = true
	for line, n := range map[string]int{"10.0.0.0/30": 4, "10.0.0.0/30:8443": 4, "10.0.0.0/30 ports=1,2": 8, "2001:db8::/126": 4, "10.0.0.7/29": 8, "10.0.0.0/27": -1, "::/0": -1, "10.0.0.0/29 ports=1-4": -1} {
		asks, err := survey.ReadList("hosts", strings.NewReader(line), d)
		if n < 0 != (err != nil) || n >= 0 && len(asks) != n {
			t.Errorf("%s: %d endpoints, %v", line, len(asks), err)
		}
	}
	if _, err := survey.ReadList("hosts", strings.NewReader("10.0.0.0/28\n10.0.1.0/28"), d); err == nil || !strings.Contains(err.Error(), "hosts:2: ") {
		t.Errorf("two networks that are too much together: %v", err)
	}
}

func FuzzList(f *testing.F) {
	f.Add("www.example.com:443 sni=x starttls=smtp\n10.0.0.0/30 ports=1-3 # x")
	f.Add("[2001:db8::/126]:1\nsmtp://[::1]#a")
	f.Fuzz(func(t *testing.T, text string) {
		asks, err := survey.ReadList("list", strings.NewReader(text), survey.Defaults{Networks: true, MostAddresses: 64})
		if err != nil {
			return
		}
		for _, a := range asks {
			if err := a.Endpoint.Validate(); err != nil {
				t.Errorf("%q gives %+v: %v", text, a, err)
			}
		}
	})
}
