package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const aDay = 24 * time.Hour

// badRows are mistakes of many kinds; PORT is that of the town. The columns are
// host, port, sni, owner, team, note.
var badRows = []string{
	`,443,x0.test,minji,,`,
	`bad_host!,443,x1.test,minji,,`,
	`127.0.0.1,https,x2.test,minji,,`,
	`127.0.0.1,70000,x3.test,minji,,`,
	`127.0.0.1:8443,443,x4.test,minji,,`,
	`https://x5.test/login,443,,minji,,`,
	`*.x6.test,443,,minji,,`,
	`127.0.0.1,PORT,x7.test,=cmd|'/C calc'!A0,,`,
	`127.0.0.1,PORT,x8.test,minji,,+SUM(A1)`,
	"127.0.0.1,PORT,x9.test,min\x1b[2Jji,,",
	"127.0.0.1,PORT,x10.test,minji,\u202eweb,",
	`127.0.0.1,PORT,x11.test,minji,,a,b,c`,
	`127.0.0.1,PORT,"x12.test,minji,,`,
	`127.0.0.1,PORT,no name,minji,,`,
	`127.0.0.1,PORT,h0001.test,minji,,again`,
	`127.0.0.1,1,x15.test,minji,,nobody listens`,
	`127.0.0.1,PORT,x16.test,minji,,nobody lives there`,
	`127.0.0.1,PORT,h0000.test,nobody-at-all,,an owner who is nobody`,
	`127.0.0.1,PORT,h0000.test,,no-such-team,`,
	`127.0.0.1,0,x19.test,minji,,`,
	`127.0.0.1,-1,x20.test,minji,,`,
	`127.0.0.1,4 43,x21.test,minji,,`,
	`a..b.test,443,,minji,,`,
	`www.x23.test:99999,,,minji,,`,
	`ftp://x24.test,,,minji,,`,
	`[::1,443,x25.test,minji,,`,
	`쇼핑몰.test,443,,minji,,`,
	`127.0.0.1,PORT,x27.test,minji,,@SUM(1)`,
	`127.0.0.1,PORT,h0002.test,jun,,the same place with another owner`,
	"127.0.0.1,PORT,x29.test,minji,," + strings.Repeat("x", 2000),
}

// resident is one good row: whose it is, and how long it has to live.
type resident struct {
	owner, team string
	left        time.Duration
}

// inhabit gives n residents: of each hundred seven whose thresholds passed, and
// five in all with less than a day left.
func inhabit(n int) []resident {
	out := make([]resident, n)
	for i := range out {
		out[i] = resident{owner: "minji", left: 80 * aDay}
		switch i % 100 {
		case 10, 40:
			out[i].left = 2*aDay + time.Duration(i)*time.Minute
		case 20, 50:
			out[i] = resident{owner: "jun", left: 6 * aDay}
		case 30:
			out[i] = resident{team: "platform", left: 10 * aDay}
		case 60, 70:
			out[i] = resident{owner: "hana", left: 20 * aDay}
		}
	}
	for i := range 5 {
		out[i*n/5+5] = resident{owner: "minji", left: time.Duration(i-1) * 5 * time.Hour}
	}
	return out
}

// write makes an inventory of the residents, with a bad row after each so many
// good ones, and opens their town.
func write(t *testing.T, all []resident, bad []string, every int) (file string) {
	t.Helper()
	left := map[string]time.Duration{"h0000.test": 80 * aDay}
	for i, r := range all {
		left[fmt.Sprintf("h%04d.test", i+1)] = r.left
	}
	port := fmt.Sprint(settle(t, left).port)
	var b strings.Builder
	b.WriteString("host,port,sni,owner,team,note\n")
	for i, r := range all {
		fmt.Fprintf(&b, "127.0.0.1,%s,h%04d.test,%s,%s,\n", port, i+1, r.owner, r.team)
		if n := i / every; i%every == every-1 && n < len(bad) {
			b.WriteString(strings.ReplaceAll(bad[n], "PORT", port) + "\n")
		}
	}
	file = filepath.Join(t.TempDir(), "inventory.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// result is what the CLI says of a row.
type result struct {
	Line               int
	Outcome, Name, Why string
}

// results runs the CLI over a file, on a machine that may be slow and busy.
func (w *world) results(code int, args ...string) (out []result) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 6*time.Minute)
	defer cancel()
	text, got := w.CLI(ctx, append([]string{"enroll", "-o", "jsonl"}, args...)...)
	if got != code {
		w.t.Fatalf("exit code %d, want %d\n%s", got, code, tail(text, 3000))
	}
	for line := range strings.Lines(text) {
		var r result
		if json.Unmarshal([]byte(line), &r) == nil {
			out = append(out, r)
		}
	}
	return out
}

func count(all []result, outcome string) (n int) {
	for _, r := range all {
		if r.Outcome == outcome {
			n++
		}
	}
	return n
}

// summaries counts those that the stand-ins got, by who got them.
func (w *world) summaries() map[string]int {
	out := map[string]int{}
	for _, m := range w.Slack.Messages() {
		if strings.Contains(string(m.Metadata), "import/") {
			out[m.Channel]++
		}
	}
	for _, m := range w.Mail.Mails() {
		if strings.Contains(m.Subject, "[summary]") {
			out[strings.Join(m.To, ",")]++
		}
	}
	return out
}

// alone lists the certificates of which somebody was told by itself.
func (w *world) alone() []string {
	seen := map[string]bool{}
	for _, m := range w.Slack.Messages() {
		var key struct {
			Payload struct {
				Key string `json:"dedup_key"`
			} `json:"event_payload"`
		}
		if json.Unmarshal(m.Metadata, &key) == nil && !strings.HasPrefix(key.Payload.Key, "import/") {
			name, _, _ := strings.Cut(key.Payload.Key, "/")
			seen[name] = true
		}
	}
	for _, m := range w.Mail.Mails() {
		if name := m.Header.Get("X-Neverlapse-Certificate"); name != "" {
			seen[name] = true
		}
	}
	var out []string
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Not beside others: it takes all that the engine can give.
func TestAnInventoryOfAThousandRowsWithThirtyBadOnes(t *testing.T) {
	all := inhabit(970)
	file := write(t, all, badRows, 32)
	w := enter(t, harness.Options{NoNginx: true})

	dry := w.results(1, "--file", file, "--dry-run")
	if len(dry) != 1000 || count(dry, "would-enroll") != 971 { // whether an owner exists, only a worker knows
		t.Errorf("a dry run of %d rows would enroll %d", len(dry), count(dry, "would-enroll"))
	}
	began := time.Now()
	got := w.results(1, "--file", file)
	t.Logf("1000 rows in %s", time.Since(began))
	if len(got) != 1000 || count(got, "enrolled") != 970 || count(got, "refused") != 30 {
		t.Errorf("%d rows, %d enrolled, %d refused", len(got), count(got, "enrolled"), count(got, "refused"))
	}
	for i, r := range got {
		if bad := i%33 == 32; bad != (r.Outcome == "refused") || bad && r.Why == "" || i > 0 && r.Line <= got[i-1].Line {
			t.Errorf("row %d: %+v", i, r)
		}
	}

	want := map[string]int{w.Slack.Direct(harness.OwnerSlack): 1, w.Slack.Direct(harness.OnCallSlack): 1, w.Slack.Direct(harness.ManagerSlack): 1, harness.TeamSlack: 1}
	w.eventually("one summary for each owner", func() bool { return len(w.summaries()) == len(want) })
	w.eventually("the five that cannot wait to be told", func() bool { return len(w.alone()) == 5 })

	again := w.results(1, "--file", file)
	if count(again, "unchanged") != 970 || count(again, "refused") != 30 {
		t.Errorf("again: %d unchanged, %d refused", count(again, "unchanged"), count(again, "refused"))
	}
	if got := w.summaries(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("summaries %v, want %v", got, want)
	}
	var urgent []string
	for i, r := range all {
		if r.left < aDay {
			urgent = append(urgent, fmt.Sprintf("h%04d.test", i+1))
		}
	}
	if got := w.alone(); !slices.Equal(got, urgent) {
		t.Errorf("told by themselves: %v, want %v", got, urgent)
	}
	w.eachNoticeOnce(1)
	w.summaryReads(all)
}

// summaryReads holds what the owner reads, and that the certificates know of it.
func (w *world) summaryReads(all []resident) {
	w.t.Helper()
	standing := 0
	for _, r := range all {
		if r.owner == "minji" && r.left < 30*aDay {
			standing++
		}
	}
	for _, m := range w.slackTo(harness.OwnerSlack) {
		if !strings.Contains(string(m.Metadata), "import/") {
			continue
		}
		text := m.Text + "\n" + m.Reading()
		for _, part := range []string{fmt.Sprintf("%d certificates that Neverlapse watches from now on end soon; the first, h0006.test, EXPIRED 5 hours ago", standing), "told by itself as well", "neverlapse list --severity P1,P2,P3,P4 --owner minji"} {
			if !strings.Contains(text, part) {
				w.t.Errorf("%q is not told:\n%s", part, text)
			}
		}
	}
	w.until("h0011.test", "to hear of the summary", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && a.Told == 1 && a.Step == 1 && a.Held == "" && !a.NextAt.IsZero()
	})
	w.eventually("the journal to tell it", func() bool {
		out := w.cli(0, "history", "h0011.test")
		return strings.Contains(out, "told in the summary of import/") && strings.Contains(out, "minji by slack")
	})
}
