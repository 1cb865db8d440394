package app

import (
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
)

func TestWhatCannotWorkBesideAnotherWorkerIsRefusedWithTheWayOut(t *testing.T) {
	t.Parallel()
	self := neighbour{pid: 1, machine: "one", store: "aa"}
	beside := func(text string) []neighbour {
		n, ok := parseNeighbour(text)
		if !ok {
			t.Fatalf("%q was not understood", text)
		}
		return []neighbour{n}
	}
	acme := config.Adapter{Name: "le", Kind: "acme"}
	for name, c := range map[string]struct {
		config config.Config
		others []neighbour
		want   string // "": it works
	}{
		"nobody else":                         {config.Config{Targets: []config.Adapter{{Name: "web", Kind: "nginx"}}, CAs: []config.Adapter{acme}}, nil, ""},
		"the same store on the same machine":  {config.Config{Targets: []config.Adapter{{Name: "web", Kind: "nginx"}}}, beside("2@one store:aa patches:1"), ""},
		"the same store on another machine":   {config.Config{Targets: []config.Adapter{{Name: "web", Kind: "kubernetes"}}}, beside("2@two store:aa patches:1"), ""},
		"another store":                       {config.Config{}, beside("2@one store:bb patches:1"), "store: the worker 2@one"},
		"a web server of one of two machines": {config.Config{Targets: []config.Adapter{{Name: "web", Kind: "nginx"}}}, beside("2@two store:aa patches:1"), "targets[0]: web is on this machine, one"},
		"a challenge that either is asked":    {config.Config{CAs: []config.Adapter{acme}, ACMEHTTP: config.ACMEHTTP{Listen: ":80"}}, beside("2@two store:aa patches:1"), "acme_http.peers: is empty"},
		"a challenge that peers pass on":      {config.Config{CAs: []config.Adapter{acme}, ACMEHTTP: config.ACMEHTTP{Listen: ":80", Peers: []string{"w:80"}}}, beside("2@two store:aa patches:1"), ""},
		"a web root of one of two machines": {config.Config{CAs: []config.Adapter{{Name: "le", Kind: "acme", Options: map[string]any{"challenge": "webroot"}}}},
			beside("2@two store:aa patches:1"), "cas[0].options.webroot"},
	} {
		err := unfit(c.config, self, c.others)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAWorkerIsKnownByItsIdentity(t *testing.T) {
	t.Parallel()
	want := neighbour{pid: 12, machine: "web-1.example.com", store: "0a1b2c", patches: 3}
	if got, ok := parseNeighbour(want.String()); !ok || got != want {
		t.Errorf("%q was read as %+v", want, got)
	}
	if got, ok := parseNeighbour(want.String() + " zone:a"); !ok || got != want {
		t.Errorf("a later release was read as %+v", got)
	}
	for _, foreign := range []string{"12@web-1@", "temporal-cli:root@x", ""} {
		if got, ok := parseNeighbour(foreign); ok {
			t.Errorf("%q was read as %+v", foreign, got)
		}
	}
}
