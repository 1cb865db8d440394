package app

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

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
		c, err := codec.New(use, keys, time.Now)
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

// In containers the PID is 1 everywhere, and the machine is what they are told.
func TestWorkersWithOneMachineAndPIDAreApart(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Temporal.Machine = "worker"
	one, err := process(c)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := process(c)
	if one.pid != two.pid || one.machine != "worker" || one.host == "" || one.String() == two.String() || one.name() == two.name() {
		t.Errorf("%q and %q", one, two)
	}
	if got, ok := parseNeighbour(one.String()); !ok || got != one {
		t.Errorf("%+v, want %+v", got, one)
	}
	poll := func(n neighbour, ago time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{Identity: n.String(), LastAccessTime: timestamppb.New(time.Now().Add(-ago))}
	}
	anew := one
	anew.keys, anew.use = "aa,bb", "b=bb" // since it read its keys again
	all := living([]*taskqueuepb.PollerInfo{poll(one, 30*time.Second), poll(anew, time.Second), poll(two, 2*time.Second), {Identity: "1@worker", LastAccessTime: timestamppb.Now()}, {Identity: "2@worker", LastAccessTime: timestamppb.New(time.Now().Add(-3 * time.Minute))}})
	if len(all) != 3 || !slices.ContainsFunc(all, func(p *taskqueuepb.PollerInfo) bool { return p.GetIdentity() == anew.String() }) {
		t.Errorf("%d workers: %v", len(all), all)
	}
}

// Keys go only when nobody uses them.
func TestAKeyThatIsInUseIsNotTakenAway(t *testing.T) {
	t.Parallel()
	with := func(use string, ids ...string) *codec.Codec {
		var keys []codec.Key
		for _, id := range ids {
			keys = append(keys, codec.Key{ID: id, Secret: bytes.Repeat([]byte(id), codec.KeySize)})
		}
		c, err := codec.New(use, keys, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	opened := with("b", "a", "b")
	sealed, err := with("a", "a").Encode([]*commonpb.Payload{{Data: []byte("x")}})
	if err == nil {
		_, err = opened.Decode(sealed)
	}
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, tc := range map[string]struct {
		has, next *codec.Codec
		others    []neighbour
		at        time.Time
		want      string // "": it may go
	}{
		"one that was of no use":             {with("b", "a", "b"), with("b", "b"), nil, now, ""},
		"the one that encrypts":              {with("a", "a"), with("b", "b"), nil, now, `the key "a", as it was, is gone and still in use: it encrypts here`},
		"one by which another encrypts":      {with("b", "a", "b"), with("b", "b"), []neighbour{{use: "a=1234"}}, now, "another worker encrypts with it"},
		"one that opened something just now": {opened, with("b", "b"), nil, now, "it last opened something here"},
		"the same two days later":            {opened, with("b", "b"), nil, now.Add(48 * time.Hour), ""},
		"one more":                           {with("a", "a"), with("a", "a", "b"), nil, now, ""},
	} {
		err := spared(tc.has, tc.next, tc.others, tc.at)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
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
