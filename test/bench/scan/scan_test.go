package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/config"
)

// It holds that what is counted is counted, and nothing about speed.
func TestEveryHealthyHostOfTheFleetIsSeenAndNoOther(t *testing.T) {
	const n, hanging, broken = 100, 6, 3
	roots := filepath.Join(t.TempDir(), "roots.pem")
	l, answers, err := start(roots, n, hanging, broken)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { _ = answers() }()
	s, err := app.NewSurvey(app.SurveyOptions{Config: config.Scan{RootsFile: roots}, Each: 2 * time.Second, Parallel: n, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	asks, err := s.ReadList("list", strings.NewReader(list(fmt.Sprint(l.Addr().(*net.TCPAddr).Port), n)), app.Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Look(t.Context(), asks, nil, app.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	if want := healthy(n, hanging+broken); len(found.Records) != want || len(found.Unread) != n-want || want != 91 {
		t.Errorf("%d certificates, want %d; %d not read", len(found.Records), want, len(found.Unread))
	}
	for _, r := range found.Records {
		if len(r.All()) > 0 {
			t.Fatalf("a healthy one has findings: %+v", r)
		}
	}
}
