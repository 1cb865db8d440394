package store_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

func TestSeveralProcessesShareAStore(t *testing.T) {
	t.Parallel()
	const children = 4
	dir := newDir(t)
	var all []*process
	for i := range children {
		all = append(all, startChild(t, "crowd", dir, i))
	}
	for _, p := range all {
		p.begin(t)
	}
	var claimed int
	var won []string
	for _, p := range all {
		for p.lines.Scan() {
			if f, ok := strings.CutPrefix(p.lines.Text(), "live "); ok {
				won = append(won, f)
			} else {
				claimed++
			}
		}
		must(t, p.cmd.Wait())
	}
	s := open(t, dir)
	live, err := s.Live(t.Context(), "www")
	must(t, err)
	if claimed != 1 || len(won) != 1 || won[0] != string(live) {
		t.Errorf("%d took the place; %v set live, which is %s", claimed, won, live)
	}
	iss, err := s.Issuance(t.Context(), "www", "")
	must(t, err)
	slices.Sort(iss.Names)
	if n := len(slices.Compact(iss.Names)); n != children*crowdWrites || iss.Revision != int64(n) {
		t.Errorf("%d names at revision %d, want %d of both", n, iss.Revision, children*crowdWrites)
	}
	journal, err := s.Entries(t.Context(), "www")
	must(t, err)
	if len(journal) != crowdWrites {
		t.Errorf("%d journal entries, want %d", len(journal), crowdWrites)
	}
	unseen, err := s.Undelivered(t.Context(), false)
	must(t, err)
	letters, err := s.Undelivered(t.Context(), true)
	must(t, err)
	if len(unseen) != children*crowdWrites || len(letters) != (children+1)*crowdWrites {
		t.Errorf("%d of %d dead letters are unseen, want %d of %d", len(unseen), len(letters), children*crowdWrites, (children+1)*crowdWrites)
	}
	versions, err := s.Versions(t.Context(), "www")
	must(t, err)
	if len(versions) != children {
		t.Errorf("%d versions, want %d", len(versions), children)
	}
}

// acknowledged is what a child said it had written.
type acknowledged struct {
	versions, journal, issuance, capture, letter []string
	live                                         string
	claim, account                               bool
}

func (a *acknowledged) note(line string) {
	what, value, _ := strings.Cut(line, " ")
	switch what {
	case "version":
		a.versions = append(a.versions, value)
	case "journal":
		a.journal = append(a.journal, value)
	case "issuance":
		a.issuance = append(a.issuance, value)
	case "capture":
		a.capture = append(a.capture, value)
	case "letter":
		a.letter = append(a.letter, value)
	case "live":
		a.live = value
	case "claim":
		a.claim = true
	case "account":
		a.account = true
	}
}

func TestWhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	t.Parallel()
	rounds := 3 * acksPerTurn
	if testing.Short() {
		rounds = acksPerTurn
	}
	dir := newDir(t)
	s := open(t, dir)
	var acks acknowledged
	for round := range rounds {
		p := startChild(t, "write", dir, 1+round*1000)
		p.begin(t)
		// The pause is no wait for anything: it lets the kill fall at any point of a write.
		killed := false
		for n := 0; p.lines.Scan(); n++ {
			acks.note(p.lines.Text())
			if n == round%acksPerTurn {
				pause := time.Duration(rand.Int64N(int64(10 * time.Millisecond)))
				time.AfterFunc(pause, func() { _ = p.cmd.Process.Kill() })
				killed = true
			}
		}
		if err := p.cmd.Wait(); err == nil || !killed || p.cmd.ProcessState.Exited() {
			t.Fatalf("the child ended before it was killed: %v", err)
		}
		acks.check(t, s)
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	t.Logf("%d kills, %d versions acknowledged", rounds, len(acks.versions))
	if !acks.account {
		t.Error("the children never came to write everything; the test shows nothing")
	}
	writeOneOfEach(t, s)
	for _, room := range []string{"certificates/www", "claims", "accounts"} {
		left, err := os.ReadDir(filepath.Join(dir, room, ".staging"))
		must(t, err)
		if len(left) > 0 {
			t.Errorf("%s: unfinished files of the dead are still there: %v", room, left)
		}
	}
}

func (a *acknowledged) check(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	versions, err := s.Versions(ctx, "www")
	must(t, err)
	have := map[string]cert.Version{}
	for _, v := range versions {
		have[string(v.Fingerprint)] = v
		_, err := s.Pair(ctx, "www", v.Fingerprint)
		must(t, err)
	}
	for _, f := range a.versions {
		if _, ok := have[f]; !ok {
			t.Errorf("version %s is lost", f)
		}
	}
	live, err := s.Live(ctx, "www")
	must(t, err)
	if a.live != "" && have[string(live)].NotBefore.Before(have[a.live].NotBefore) {
		t.Errorf("live went back from %s to %s", a.live, live)
	}
	journal, err := s.Entries(ctx, "www")
	must(t, err)
	var sequences []string
	for _, e := range journal {
		sequences = append(sequences, strconv.FormatInt(e.Sequence, 10))
	}
	contains(t, "journal entry", sequences, a.journal)
	iss, err := s.Issuance(ctx, "www", "")
	if len(a.issuance) > 0 || !fault.Is(err, fault.NotFound) {
		must(t, err)
	}
	contains(t, "name of the issuance", iss.Names, a.issuance)
	letters, err := s.Undelivered(ctx, false)
	must(t, err)
	var ids, want []string
	for _, u := range letters {
		ids = append(ids, u.ID)
	}
	for _, n := range a.letter {
		want = append(want, delivery.ID(n))
	}
	contains(t, "dead letter", ids, want)
	for _, n := range a.capture {
		_, err := s.Capture(ctx, "www", n, "target")
		must(t, err)
	}
	if err := s.Claim(ctx, "other", []string{"held"}); a.claim && !fault.Is(err, fault.Conflict) {
		t.Errorf("the place that www holds was given away (error: %v)", err)
	} else if !a.claim {
		must(t, s.Claim(ctx, "other", nil))
	}
	if a.account {
		_, err := s.Account(ctx, "ca", "")
		must(t, err)
	}
}

func contains(t *testing.T, what string, have, want []string) {
	t.Helper()
	there := map[string]bool{}
	for _, h := range have {
		there[h] = true
	}
	for _, w := range want {
		if !there[w] {
			t.Errorf("%s %s is lost", what, w)
		}
	}
}
