package acme_test

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
)

var _ activities.Governed = (*acme.CA)(nil)

func governed(t *testing.T, o acme.Options) *acme.CA {
	t.Helper()
	o.AcceptTerms = true
	c, err := acme.New("ca", o, &accounts{}, acme.Ways{HTTP: acme.NewListener("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatAnOrderCountsAgainst(t *testing.T) {
	t.Parallel()
	keys := func(c *acme.CA, names ...string) string {
		var out []string
		for _, l := range c.Limits(names) {
			out = append(out, l.Key)
		}
		return strings.Join(out, " ")
	}
	le := governed(t, acme.Options{Directory: "letsencrypt", Email: "ops@example.com"})
	got := keys(le, "www.shop.co.uk", "*.shop.co.uk", "a.github.io", "192.0.2.1", "co.uk")
	for _, want := range []string{"account", "domain/shop.co.uk", "domain/a.github.io", "domain/192.0.2.1", "domain/co.uk", "failures/www.shop.co.uk", "failures/shop.co.uk"} {
		if !strings.Contains(" "+got+" ", " "+want+" ") {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	if strings.Count(got, "domain/shop.co.uk") != 1 || strings.Count(got, "names/") != 1 {
		t.Errorf("counted twice: %s", got)
	}
	if keys(le, "B.test", "a.test") == keys(le, "b.test", "c.test") || !strings.Contains(keys(le, "a.test", "b.test"), strings.Fields(keys(le, "B.test", "a.test"))[2]) {
		t.Error("the set of names is not told by its names")
	}
	if le.Account() != "ops@example.com" || !le.ExemptsARI() {
		t.Errorf("account %q, ARI exempt %v", le.Account(), le.ExemptsARI())
	}
	private := governed(t, acme.Options{Directory: "https://ca.test/dir"})
	if got := keys(private, "a.test"); got != "" || private.ExemptsARI() || private.Account() != "default" {
		t.Errorf("a CA of which nothing is known limits %q", got)
	}
	own := governed(t, acme.Options{Directory: "letsencrypt", Limits: []acme.Limit{{Per: "account", Most: 1500, Within: 3 * time.Hour}}})
	if got := own.Limits([]string{"a.test"}); len(got) != 1 || got[0].Most != 1500 {
		t.Errorf("an override is %+v", got)
	}
}

func TestALimitThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	err := acme.Options{Directory: "letsencrypt", AcceptTerms: true, Limits: []acme.Limit{{Per: "week", Most: 0, Within: -time.Hour}}}.Validate()
	wantText(t, err, "limits[0].per", "limits[0].most", "limits[0].within", "account, domain, names or failures")
}
