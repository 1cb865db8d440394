package main

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

func TestInspectAsksForTLSInEveryProtocol(t *testing.T) {
	s := newServed(t)
	leaf := s.Leaf(t, spanning(-10*day, 80*day), "127.0.0.1")
	for _, u := range cert.Upgrades {
		t.Run(string(u.Protocol), func(t *testing.T) {
			e := scantest.ServeStartTLS(t, "127.0.0.1:0", u.Protocol, s.Chain(leaf), scantest.Say{})
			for _, args := range [][]string{{e.Address(), "--starttls", string(u.Protocol)}, {e.String()}} {
				code, out, errs := invoke(t, &fake{}, nil, append([]string{"inspect", "--roots", s.roots}, args...)...)
				if code != exitOK || !strings.Contains(out, "neverlapse enroll "+e.String()+" ") {
					t.Errorf("%v: exit code %d\n%s%s", args, code, out, errs)
				}
			}
			code, out, errs := invoke(t, &fake{}, nil, "inspect", e.Address(), "--roots", s.roots, "--timeout", (300 * time.Millisecond).String())
			if code != exitUnreachable {
				t.Errorf("without STARTTLS: exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

func TestAProtocolThatIsNotKnownIsRefusedWithTheKnownOnes(t *testing.T) {
	for _, args := range [][]string{
		{"inspect", "mail.example.com", "--starttls", "telnet"},
		{"inspect", "smtp://mail.example.com:0"},
		{"enroll", "telnet://mail.example.com"},
		{"enroll", "mail.example.com", "--starttls", "smtps"},
	} {
		if code, out, errs := invoke(t, &fake{}, nil, args...); code != exitUsage || !strings.Contains(errs, "smtp") {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
}
