package main

import (
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/cert"
)

var twoCAs = []cert.Authority{
	{
		Name: "letsencrypt", Directory: "https://le.example/dir", Email: "ops@example.com", Challenge: "http-01", KeyTypes: []cert.KeyType{cert.EC256, cert.RSA2048},
		Reached: true, Account: "https://le.example/acct/1", Made: true, Terms: "https://le.example/terms", CAAIdentities: []string{"letsencrypt.org"},
		Profiles: map[string]string{"shortlived": "six days", "classic": "90 days"}, Profile: "classic", RenewalInfo: "https://le.example/ari",
	},
	{
		Name: "private", Directory: "https://ca.internal/dir", Challenge: "dns-01", DNS: "zones", KeyTypes: []cert.KeyType{cert.EC384},
		Err: "ca private: directory: connection refused\x1b[31m", ErrKind: "unavailable",
	},
}

func TestCheckingCAsTellsWhatWorksAndWhatDoesNot(t *testing.T) {
	t.Parallel()
	f := &fake{answers: map[string]any{"Authorities": twoCAs}}
	code, out, errs := invoke(t, f, nil, "ca", "check")
	if code != exitFailed || !strings.Contains(errs, "1 of 2 CAs cannot be used") {
		t.Errorf("exit %d: %s", code, errs)
	}
	for _, line := range []string{
		"letsencrypt can be reached and the account works", "account       https://le.example/acct/1 (made just now)", "profiles      classic, shortlived",
		"CAA names     letsencrypt.org", "EAB           not required", "ARI           https://le.example/ari", "private cannot be used", "challenge     dns-01 by zones",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("the output lacks %q:\n%s", line, out)
		}
	}
	if strings.Contains(out, "\x1b[31m") {
		t.Errorf("a control character of the CA reached the terminal: %q", out)
	}
	f = &fake{answers: map[string]any{"Authorities": []cert.Authority{{Name: "bought"}}}}
	if code, out, errs = invoke(t, f, nil, "ca", "check"); code != exitOK || !strings.Contains(out, "bought has no server to ask") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	f = &fake{answers: map[string]any{"Authorities": twoCAs[:1]}}
	if code, out, errs = invoke(t, f, nil, "ca", "check", "letsencrypt", "-o", "json"); code != exitOK || !strings.Contains(out, `"caaIdentities": [`) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestListingCAs(t *testing.T) {
	t.Parallel()
	code, out, errs := invoke(t, &fake{answers: map[string]any{"Authorities": twoCAs}}, nil, "ca", "list")
	if code != exitOK || !strings.Contains(out, "dns-01 by zones") || !strings.Contains(out, "EC256, RSA2048") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if code, out, _ = invoke(t, &fake{answers: map[string]any{"Authorities": []cert.Authority{}}}, nil, "ca", "list"); code != exitOK || !strings.Contains(out, "no CA is configured") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, errs = invoke(t, &fake{}, nil, "ca", "chekc"); code != exitUsage || !strings.Contains(errs, "ca takes list, check or budget") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestACAThatIsNotConfiguredIsNotFound(t *testing.T) {
	t.Parallel()
	gone := temporal.NewApplicationError("no CA is called x in the worker's configuration; it has y", "not-found")
	code, _, errs := invoke(t, &fake{failure: gone}, nil, "ca", "check", "x")
	if code != exitNotFound || !strings.Contains(errs, "no CA is called x") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
