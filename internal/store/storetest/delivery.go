package storetest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func letter(n int) delivery.Undelivered {
	return delivery.Undelivered{
		ID: delivery.ID(fmt.Sprint("key ", n)), At: start.Add(time.Duration(n) * time.Minute), Certificate: "www", Alert: "www/aa/expiring",
		Severity: alert.P2, Reason: alert.Expiring, To: "minji", Channel: "mail", Kind: "email", Address: "minji@example.com",
		About: delivery.Channel, Why: "만료 <b> \"quoted\"\nsecond line", Instead: []string{"minji by slack"},
	}
}

func deadLetters(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	all, err := s.Undelivered(ctx, true)
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d from nothing", len(all))
	}
	must(t, s.PutUndelivered(ctx, []delivery.Undelivered{letter(1), letter(2)}))
	again := letter(1)
	again.Why = "not this one"
	must(t, s.PutUndelivered(ctx, []delivery.Undelivered{again, letter(3)}))
	bad := letter(4)
	for _, id := range []string{"", "../../x", "ABCDEF012345", "abc"} {
		bad.ID = id
		wantKind(t, "a letter called "+id, s.PutUndelivered(ctx, []delivery.Undelivered{letter(5), bad}), fault.Invalid)
	}
	wantLetters(t, b.Open(t), false, letter(3), letter(2), letter(1))

	seen := delivery.Seen{By: "jun", Via: "cli", At: start.Add(time.Hour), Note: "token renewed"}
	wantKind(t, "an unknown letter", s.MarkSeen(ctx, []string{letter(2).ID, delivery.ID("nobody's")}, seen), fault.NotFound)
	wantKind(t, "a hostile ID", s.MarkSeen(ctx, []string{"../seen/x"}, seen), fault.NotFound)
	wantLetters(t, s, false, letter(3), letter(2), letter(1))
	must(t, s.MarkSeen(ctx, []string{letter(2).ID}, seen))
	must(t, s.MarkSeen(ctx, []string{letter(2).ID}, delivery.Seen{By: "late"}))
	must(t, s.PutUndelivered(ctx, []delivery.Undelivered{letter(2)}))
	two := letter(2)
	two.Seen = &seen
	wantLetters(t, b.Open(t), false, letter(3), letter(1))
	wantLetters(t, b.Open(t), true, letter(3), two, letter(1))
}

func wantLetters(t *testing.T, s Store, all bool, want ...delivery.Undelivered) {
	t.Helper()
	got, err := s.Undelivered(t.Context(), all)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

func letterRace(t *testing.T, b Backend) {
	const writers, letters = 6, 8
	crowd(t, b, writers, func(s Store, i int) error {
		for n := range letters {
			if err := s.PutUndelivered(t.Context(), []delivery.Undelivered{letter(n), letter(100*i + n)}); err != nil {
				return err
			}
			if err := s.MarkSeen(t.Context(), []string{letter(n).ID}, delivery.Seen{By: fmt.Sprint(i), At: start}); err != nil {
				return err
			}
		}
		return nil
	})
	unseen, err := b.Open(t).Undelivered(t.Context(), false)
	must(t, err)
	all, err := b.Open(t).Undelivered(t.Context(), true)
	must(t, err)
	// Writer 0 writes those that everybody writes and marks.
	if len(unseen) != (writers-1)*letters || len(all) != writers*letters {
		t.Errorf("%d unseen of %d, want %d of %d", len(unseen), len(all), (writers-1)*letters, writers*letters)
	}
}

func brokenAddresses(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	mail := delivery.Broken{Kind: "email", Address: "Minji@Example.com", Owner: "minji", Channel: "mail", Since: start, Why: "550 5.1.1"}
	slack := delivery.Broken{Kind: "slack", Address: "U1", Owner: "minji", Channel: "slack", Since: start.Add(time.Hour), Why: "user_not_found"}
	for _, x := range []delivery.Broken{mail, slack} {
		news, err := s.PutBroken(ctx, x)
		must(t, err)
		if !news {
			t.Errorf("%s is no news", x.Address)
		}
	}
	later := mail
	later.Address, later.Since, later.Why, later.Returned = "minji@example.com", start.Add(2*time.Hour), "came back", true
	for range 2 {
		if news, err := s.PutBroken(ctx, later); err != nil || news {
			t.Errorf("news %v, %v", news, err)
		}
	}
	slack.TriedAt = start.Add(9 * time.Hour)
	if news, err := s.PutBroken(ctx, slack); err != nil || news {
		t.Errorf("news %v, %v", news, err)
	}
	_, err := s.PutBroken(ctx, delivery.Broken{Kind: "email"})
	wantKind(t, "no address", err, fault.Invalid)
	later.Since = mail.Since
	got, err := b.Open(t).Broken(ctx)
	must(t, err)
	if diff := cmp.Diff([]delivery.Broken{slack, later}, got); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
	for i, want := range []bool{true, false} {
		if was, err := b.Open(t).Mend(ctx, "email", "MINJI@example.com"); err != nil || was != want {
			t.Errorf("mended for the %d. time: %v, %v", i+1, was, err)
		}
	}
	if got, err := s.Broken(ctx); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func standings(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	note := func(minutes float64, about delivery.About, why string) delivery.Standing {
		t.Helper()
		before, err := s.NoteOutcome(ctx, delivery.Outcome{Channel: "slack", At: start.Add(time.Duration(minutes * float64(time.Minute))), About: about, Why: why})
		must(t, err)
		return before
	}
	note(1, "", "")
	note(1.5, "", "") // too soon to be worth a write
	note(2, delivery.Address, "user_not_found")
	if before := note(3, delivery.Channel, "token_revoked"); before.Failing || before.Why != "user_not_found" || !before.LastSuccess.Equal(start.Add(time.Minute)) {
		t.Errorf("before the channel failed: %+v", before)
	}
	if before := note(3.1, "", ""); !before.Failing {
		t.Error("the first success after a failure does not see it")
	}
	if before := note(3.2, "", ""); before.Failing {
		t.Error("it still counts as failing after a success")
	}
	note(2.5, delivery.Channel, "an old word")
	got, err := b.Open(t).Standings(ctx)
	must(t, err)
	at := func(m float64) time.Time { return start.Add(time.Duration(m * float64(time.Minute))) }
	want := []delivery.Standing{{Channel: "slack", LastSuccess: at(3.1), LastFailure: at(3), Why: "token_revoked"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("standings (-want +got):\n%s", diff)
	}
}

func secrets(t *testing.T, b Backend) {
	var mu sync.Mutex
	made := map[string]bool{}
	crowd(t, b, 6, func(s Store, _ int) error {
		got, err := s.Secret(t.Context(), "return paths")
		mu.Lock()
		defer mu.Unlock()
		made[string(got)] = true
		return err
	})
	for secret := range made {
		if len(made) != 1 || len(secret) < 32 || bytes.Contains(b.AtRest(t), []byte(secret)) {
			t.Errorf("%d secrets, one of %d bytes, or readable at rest", len(made), len(secret))
		}
	}
	other, err := b.Open(t).Secret(t.Context(), "another purpose")
	must(t, err)
	if made[string(other)] {
		t.Error("another purpose has the same secret")
	}
	_, err = b.Open(t).Secret(t.Context(), "")
	wantKind(t, "no purpose", err, fault.Invalid)
}
