package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
)

func claims(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	const a, c, d = "file web1 /etc/ssl/a.pem", "파일 /인증서", "k8s cluster/ns/secret"
	must(t, s.Claim(ctx, "one", []string{a, c, a}))
	must(t, s.Claim(ctx, "one", []string{c, a}))
	err := b.Open(t).Claim(ctx, "two", []string{d, a})
	wantKind(t, "claiming what another holds", err, fault.Conflict)
	if err != nil && (!strings.Contains(err.Error(), a) || !strings.Contains(err.Error(), "one")) {
		t.Errorf("the error names neither the place nor its holder: %v", err)
	}
	must(t, s.Claim(ctx, "three", []string{d})) // two got nothing
	must(t, s.Claim(ctx, "one", []string{c}))   // gives a up
	must(t, s.Claim(ctx, "two", []string{a}))
	wantKind(t, "claiming back", s.Claim(ctx, "one", []string{c, a}), fault.Conflict)
	wantKind(t, "after a refusal one still holds the rest", s.Claim(ctx, "two", []string{a, c}), fault.Conflict)
	must(t, s.Claim(ctx, "one", nil))
	must(t, s.Claim(ctx, "two", []string{a, c}))
	wantKind(t, "an empty identity", s.Claim(ctx, "two", []string{a, ""}), fault.Invalid)
}

func claimRace(t *testing.T, b Backend) {
	ctx := t.Context()
	var mu sync.Mutex
	var winners []int
	crowd(t, b, 8, func(s Store, i int) error {
		places := []string{"contested", fmt.Sprint("own ", i)}
		err := s.Claim(ctx, fmt.Sprint("certificate-", i), places)
		if fault.Is(err, fault.Conflict) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		winners = append(winners, i)
		return err
	})
	if len(winners) != 1 {
		t.Fatalf("winners: %v", winners)
	}
	s := b.Open(t)
	for i := range 8 {
		err := s.Claim(ctx, "late", []string{fmt.Sprint("own ", i)})
		if i == winners[0] {
			wantKind(t, "the winner's own place", err, fault.Conflict)
		} else if err != nil {
			t.Errorf("a loser kept its own place: %v", err)
		}
	}
}
