package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/codec"
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

func TestAWorkerRefusesToEncryptWhatAnotherCannotReadAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	with := func(use string, keys ...codec.Key) neighbour {
		c, err := codec.New(use, keys)
		if err != nil {
			t.Fatal(err)
		}
		n := neighbour{pid: 2, machine: "one", store: "aa", keys: strings.Join(c.Names(), ",")}
		if id, name := c.Use(); id != "" {
			n.use = id + "=" + name
		}
		got, ok := parseNeighbour(n.String())
		if !ok || got != n {
			t.Errorf("%q was read as %+v", n, got)
		}
		return got
	}
	key := func(id string, fill byte) codec.Key {
		return codec.Key{ID: id, Secret: bytes.Repeat([]byte{fill}, codec.KeySize)}
	}
	a, b := key("a", 1), key("b", 2)
	const lacks, needs = `temporal.encryption.use: the worker 2@one serves this task queue too and has not this key "a"`, `temporal.encryption.keys: the worker 2@one serves this task queue too and encrypts with its key "b"`
	for name, tc := range map[string]struct {
		self, other neighbour
		want        []string
	}{
		"nobody encrypts":             {with(""), with(""), nil},
		"the first step":              {with("", a), with(""), nil},
		"the second":                  {with("a", a), with("", a), nil},
		"the second before":           {with("", a), with("a", a), nil},
		"the first was left out":      {with("a", a), with(""), []string{lacks}},
		"somebody began too early":    {with(""), with("b", b), []string{needs}},
		"a key is replaced":           {with("a", a, b), with("b", b, a), nil},
		"an old key left too early":   {with("a", a), with("b", b), []string{lacks, needs}},
		"one ID for two keys":         {with("a", a), with("a", key("a", 9)), []string{lacks, `encrypts with its key "a"`}},
		"one content under two IDs":   {with("a", a), with("", key("b", 1)), []string{lacks}},
		"old keys are here and there": {with("a", a, key("c", 3)), with("a", a), nil},
	} {
		err := unfit(config.Config{}, neighbour{pid: 1, machine: "one", store: "aa", keys: tc.self.keys, use: tc.self.use}, []neighbour{tc.other})
		if (err == nil) != (len(tc.want) == 0) {
			t.Errorf("%s: %v", name, err)
		}
		for _, piece := range tc.want {
			if err != nil && !strings.Contains(err.Error(), piece) {
				t.Errorf("%s: %v does not say %q", name, err, piece)
			}
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
