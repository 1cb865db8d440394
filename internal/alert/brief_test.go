package alert

import (
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func units(max int) func(string) bool {
	return func(s string) bool { return len(utf16.Encode([]rune(s))) <= max }
}

func TestABriefLineOfEveryKindFitsATextMessage(t *testing.T) {
	for _, lang := range Languages() {
		for _, reason := range append(Reasons, "not-known-yet") {
			for _, phase := range Phases {
				n := Notice{Certificate: "payments.frankfurt.production.example.co.kr", Severity: P1, Reason: reason, Phase: phase, At: now,
					Version: cert.Version{NotAfter: now.Add(80 * 24 * time.Hour)}, Link: "https://neverlapse.example.com/certificates/x", Answer: &Answer{By: "minji"}}
				got := Brief(n, lang, units(70))
				if !units(70)(got) || strings.ContainsAny(got, "⟦{\n") {
					t.Errorf("%s %s %s: %q", lang, reason, phase, got)
				}
				if !strings.Contains(got, "paym") || !strings.Contains(got, "co.kr") {
					t.Errorf("%s %s %s: the name is not to be recognised in %q", lang, reason, phase, got)
				}
			}
		}
	}
}

func TestABriefLineKeepsItsLinkWhereThereIsRoom(t *testing.T) {
	n := Notice{Certificate: "shop", Severity: P2, Reason: Expiring, Phase: Firing, At: now, Version: cert.Version{NotAfter: now.Add(7*24*time.Hour + 1)}, Link: "https://n.example.com/c/shop"}
	for max, want := range map[int]string{
		160: "[P2] shop expires in 7 days https://n.example.com/c/shop",
		40:  "[P2] shop expires in 7 days",
		10:  "[P2] shop ",
		0:   "",
	} {
		if got := Brief(n, "en", units(max)); got != want {
			t.Errorf("%d: %q, want %q", max, got, want)
		}
	}
	n.Certificate, n.Link = "payments.frankfurt.example.com", ""
	if got, want := Brief(n, "en", units(40)), "[P2] payments.f..xample.com expires in 7 days"; len(got) != 40 || !strings.Contains(got, "..") {
		t.Errorf("shortened to %q, want something like %q", got, want)
	}
}

func TestATestSaysThatItIsOneInEveryText(t *testing.T) {
	for _, lang := range Languages() {
		for _, n := range []Notice{{Certificate: "shop", Reason: Expiring, Phase: Firing, At: now}, {Certificate: "shop", Reason: Expiring, Phase: Resolved, At: now}, summaryOf(2)} {
			plain := Render(n, lang, "")
			n.Test = true
			text := Render(n, lang, "")
			if text.Subject == plain.Subject || text.Headline == plain.Headline || !strings.HasPrefix(Brief(n, lang, units(300)), text.Subject[:4]) {
				t.Errorf("%s: %q, %q, %q", lang, text.Subject, text.Headline, Brief(n, lang, units(300)))
			}
		}
	}
}

func TestABriefLineOfHostileNamesIsOneCleanLine(t *testing.T) {
	n := Notice{Certificate: "a\x1b[2J\u202e\nb", Severity: "P1\r", Reason: "x\n", Phase: Acknowledged, Answer: &Answer{By: "m\x00"}, At: now, Test: true}
	if got := Brief(n, "en", units(200)); unsafe(got) != "" || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}
