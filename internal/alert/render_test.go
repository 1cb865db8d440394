package alert

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// unsafe names the first character that must not reach a sink, line breaks aside.
func unsafe(s string) string {
	for _, r := range s {
		if r != '\n' && !unicode.IsPrint(r) {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

var now = time.Date(2026, 11, 25, 1, 30, 0, 0, time.UTC)

func notice() Notice {
	old := cert.Version{Fingerprint: "aaaaaaaaaaaaaaaa", Issuer: "Test CA", NotBefore: now.AddDate(0, 0, -84), NotAfter: now.Add(6*24*time.Hour + 5*time.Hour)}
	return Notice{
		Key: "k1", AlertID: "shop/aaaaaaaaaaaa/expiring", Phase: Firing, Severity: P2, Reason: Expiring, Certificate: "shop",
		Names: []string{"shop.example.com", "www.shop.example.com"}, Managed: true, Environment: "production", Owner: "minji", Team: "payments",
		Version: old, At: now, Step: 1,
		Places: []Place{{Where: "web-1.example.com:443", Fingerprint: old.Fingerprint, NotAfter: old.NotAfter}, {Where: "target web-2", Err: "dial tcp: i/o timeout"}, {Where: "target web-3"}},
		Cause:  "nginx: [emerg] cannot load certificate\nnginx: configuration file test failed",
		Tried:  []Try{{At: now.Add(-time.Hour), Outcome: "configuration", Cause: "nginx -t failed"}},
		Next:   NextStep{Kind: "escalate", At: now.Add(2 * time.Hour), Who: "manager"}, Commands: []string{"neverlapse renew shop"},
		Actions: Actions, Link: "https://neverlapse.example.com/c/shop",
	}
}

func TestEveryReasonAndPhaseReadsWholeInEveryLanguage(t *testing.T) {
	for _, lang := range Languages() {
		for _, reason := range Reasons {
			for _, phase := range Phases {
				for _, managed := range []bool{true, false} {
					for _, kind := range append([]string{"", "from-the-future"}, nextKinds...) {
						n := notice()
						n.Reason, n.Phase, n.Managed, n.Next.Kind = reason, phase, managed, kind
						n.Answer = &Answer{By: "minji", Via: "slack", At: now, Until: now.Add(time.Hour), Note: "on it"}
						text := Render(n, lang, "Asia/Seoul")
						all := text.Subject + Plain(text)
						for _, l := range text.Buttons {
							all += l
						}
						if strings.ContainsAny(all, "⟦⟧") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(all) {
							t.Fatalf("%s %s %s: something was not filled in:\n%s", lang, reason, phase, all)
						}
						if text.Headline == "" || text.Subject == "" || !strings.Contains(all, "shop") {
							t.Fatalf("%s %s %s: no headline:\n%s", lang, reason, phase, all)
						}
					}
				}
			}
		}
	}
}

func TestEveryReasonHasWordsOfItsOwn(t *testing.T) {
	r := reader{words: wordsFor("en"), zone: time.UTC}
	for _, reason := range Reasons {
		for _, prefix := range []string{"topic", "resolved", "advice"} {
			for _, managed := range []bool{true, false} {
				if key := r.perReason(prefix, Notice{Reason: reason, Managed: managed}); strings.HasSuffix(key, ".other") {
					t.Errorf("%s has no %s", reason, prefix)
				}
			}
		}
	}
}

func TestEveryLanguageHasEveryStringWithTheSameNames(t *testing.T) {
	names := regexp.MustCompile(`\{[a-z]+\}`)
	sorted := func(s string) []string {
		found := names.FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	for _, l := range []string{"en", "ko"} {
		if got := Languages(); !slices.Contains(got, l) {
			t.Errorf("languages %v, without %s", got, l)
		}
	}
	en := languages()[DefaultLanguage]
	for lang, w := range languages() {
		for key, text := range en {
			other, ok := w[key]
			if !ok {
				t.Errorf("%s has no %q", lang, key)
			} else if !slices.Equal(sorted(text), sorted(other)) {
				t.Errorf("%s %q fills in %v, English %v", lang, key, sorted(other), sorted(text))
			}
		}
		for key := range w {
			if _, ok := en[key]; !ok {
				t.Errorf("%s has %q, English has not", lang, key)
			}
		}
	}
}

func TestAnUnknownLanguageOrZoneFallsBack(t *testing.T) {
	want := Plain(Render(notice(), "en", "UTC"))
	for _, in := range [][2]string{{"", ""}, {"xx", "Mars/Olympus"}, {"EN_us", "UTC"}, {"en", "Local"}, {"en", "../../etc/passwd"}} {
		if got := Plain(Render(notice(), in[0], in[1])); got != want {
			t.Errorf("%v:\n%s", in, got)
		}
	}
	if a, b := Render(notice(), "ko-KR", "UTC").Headline, Render(notice(), "ko", "UTC").Headline; a != b {
		t.Errorf("%q, %q", a, b)
	}
}

func TestTimeLeftIsToldInTheUnitThatMatters(t *testing.T) {
	for left, want := range map[time.Duration]string{
		6*24*time.Hour + 23*time.Hour: "shop expires in 6 days",
		48 * time.Hour:                "shop expires in 2 days",
		48*time.Hour - time.Second:    "shop expires in 47 hours",
		2 * time.Hour:                 "shop expires in 2 hours",
		2*time.Hour - time.Second:     "shop expires in 119 minutes",
		61 * time.Second:              "shop expires in 1 minute",
		10 * time.Second:              "shop expires in less than a minute",
		-10 * time.Minute:             "shop EXPIRED 10 minutes ago",
		-73 * time.Hour:               "shop EXPIRED 3 days ago",
	} {
		n := notice()
		n.Version.NotAfter = now.Add(left)
		if got := Render(n, "en", "").Headline; !strings.HasPrefix(got, want) {
			t.Errorf("%v left: %q, want %q", left, got, want)
		}
	}
	n := notice()
	n.Version = cert.Version{}
	if got := Render(n, "en", "").Headline; !strings.HasPrefix(got, "shop has never been issued") {
		t.Errorf("without a version: %q", got)
	}
}

func TestTimesAreShownInTheReadersZoneAndInUTC(t *testing.T) {
	plain := Plain(Render(notice(), "en", "Asia/Seoul"))
	for _, want := range []string{"2026-12-01 15:30 KST (2026-12-01 06:30 UTC)", "the manager is told at 2026-11-25 12:30 KST (2026-11-25 03:30 UTC)"} {
		if !strings.Contains(plain, want) {
			t.Errorf("no %q in\n%s", want, plain)
		}
	}
}

func TestAButtonIsOfferedOnlyWhereItWorks(t *testing.T) {
	n := notice()
	if got := Render(n, "en", "").Buttons; len(got) != 6 {
		t.Errorf("firing, managed: %v", got)
	}
	n.Managed = false
	if _, ok := Render(n, "en", "").Buttons[ActRenew]; ok {
		t.Error("a watched certificate offers to renew")
	}
	n.Phase = Acknowledged
	if _, ok := Render(n, "en", "").Buttons[ActAcknowledge]; ok {
		t.Error("acknowledged already, and offers it")
	}
	n.Phase = Resolved
	if got := Render(n, "en", "").Buttons; len(got) != 0 {
		t.Errorf("resolved: %v", got)
	}
}

// fillHostile sets every text reachable from v.
func fillHostile(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillHostile(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillHostile(v.Index(i), text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(now))
			return
		}
		for i := range v.NumField() {
			fillHostile(v.Field(i), text)
		}
	}
}

func TestNoTextOfANoticeReachesTheReaderRaw(t *testing.T) {
	var n Notice
	fillHostile(reflect.ValueOf(&n).Elem(), "x\x1b]0;\x07\u202e\u2066\r\nExpires: never\n")
	for _, phase := range append([]Phase{n.Phase}, Phases...) {
		n.Phase = phase
		text := Render(n, "ko", "Asia/Seoul")
		if bad := unsafe(text.Subject + Plain(text)); bad != "" {
			t.Errorf("%q: %s in\n%q", phase, bad, Plain(text))
		}
		for _, line := range strings.Split(Plain(text), "\n") {
			if strings.HasPrefix(line, "Expires: never") {
				t.Errorf("%q: a hostile text passes for a line of ours", phase)
			}
		}
		if strings.Contains(text.Subject, "\n") {
			t.Errorf("%q: a subject of two lines", phase)
		}
	}
}

func TestEveryWordForAClickIsThere(t *testing.T) {
	for _, lang := range Languages() {
		for _, w := range []ClickWord{ClickRefused, ClickNoted, ClickLate, ClickStranger} {
			if got := w.Say(lang, "slack:U1", "no alert\n is firing"); strings.ContainsAny(got, "⟦{\n") {
				t.Errorf("%s %s: %q", lang, w, got)
			}
		}
	}
}

// summaryOf is a notice about many certificates.
func summaryOf(n int) Notice {
	out := Notice{Key: "k", AlertID: "import/1", Phase: Firing, Reason: Imported, Owner: "minji", At: now, Commands: []string{"neverlapse list --owner minji"}, Summary: &Summary{Whole: n}}
	for i := range min(n, MaxStanding) {
		out.Summary.Rows = append(out.Summary.Rows, Standing{Certificate: fmt.Sprintf("shop-%d", i), Severity: P2, NotAfter: now.Add(time.Duration(i*24+5) * time.Hour), Alone: i == 0})
	}
	return out
}

func TestASummaryReadsWholeInEveryLanguage(t *testing.T) {
	for _, lang := range Languages() {
		for _, n := range []int{1, 2, 300} {
			text := Render(summaryOf(n), lang, "Asia/Seoul")
			all := text.Subject + "\n" + Plain(text)
			if strings.ContainsAny(all, "⟦⟧") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(all) {
				t.Fatalf("%s: something was not filled in:\n%s", lang, all)
			}
			for _, part := range []string{"shop-0", "minji", "P2", "neverlapse list --owner minji", "import/1"} {
				if !strings.Contains(all, part) {
					t.Errorf("%s: %q is missing in:\n%s", lang, part, all)
				}
			}
			if len(text.Buttons) > 0 || len(text.Standing.Items) != min(n, MaxStanding)+min(1, max(0, n-MaxStanding)) {
				t.Errorf("%s: %d items, buttons %v", lang, len(text.Standing.Items), text.Buttons)
			}
			if n == 300 && !strings.Contains(text.Standing.Items[MaxStanding], "260") {
				t.Errorf("%s: it does not say how many more there are: %s", lang, text.Standing.Items[MaxStanding])
			}
		}
	}
}

func TestASummaryOfHostileNamesIsSafe(t *testing.T) {
	n := summaryOf(2)
	n.Summary.Rows[0].Certificate, n.Summary.Rows[1].Severity, n.Owner = "a\x1b[2J\u202e\nb", "P1\r\n", "min\x00ji"
	text := Render(n, "en", "UTC")
	if bad := unsafe(text.Subject + Plain(text)); bad != "" {
		t.Errorf("%s gets through:\n%s", bad, Plain(text))
	}
	if strings.Contains(text.Subject, "\n") || n.Summary.Rows[0].Certificate != "a\x1b[2J\u202e\nb" {
		t.Error("a line break gets through, or the notice itself was changed")
	}
}

func TestAPlaceOfWhatNobodyEnrolledIsNotSaidToServeAnother(t *testing.T) {
	n := Notice{Phase: Firing, Severity: P2, Reason: Unenrolled, Certificate: "disk", Subject: "1", Places: []Place{{Where: "file:web1:/etc/a.pem", Fingerprint: "a76a1c5417f9", NotAfter: time.Date(2026, 12, 16, 0, 0, 0, 0, time.UTC)}}}
	for language, wrong := range map[string]string{"en": "another", "ko": "다른"} {
		text := fmt.Sprint(Render(n, language, "UTC"))
		if !strings.Contains(text, "file:web1:/etc/a.pem: a76a1c5417f9") || strings.Contains(text, wrong) {
			t.Errorf("%s: %s", language, text)
		}
	}
	n.Version.Fingerprint = "0123456789abcdef"
	if text := fmt.Sprint(Render(n, "en", "UTC")); !strings.Contains(text, "serves another certificate") {
		t.Errorf("a place that should serve something else is not said to: %s", text)
	}
}
