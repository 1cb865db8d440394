package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/config"
)

const working = `
people:
  - {id: minji, email: minji@example.com}
  - {id: hana, email: hana@example.com}
teams: [{id: ops, members: [hana], email: ops@example.com}]
catch_all: ops
channels: [{name: log, kind: console}]
`

var (
	without = strings.Replace(working, "  - {id: minji, email: minji@example.com}\n", "", 1)
	broken  = strings.Replace(working, "members: [hana]", "members: [nobody]", 1)
)

// reloading is a worker's look at its file, with nothing else of a worker.
type reloading struct {
	*reload
	t    *testing.T
	path string
}

func reloads(t *testing.T, path string) *reloading {
	t.Helper()
	c, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := inForce(c)
	keys, err := payloadCodec(c)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{config: c, inForce: s, logger: slog.New(slog.DiscardHandler), parts: parts{resolver: acme.NewResolver(nil), codec: keys}}
	r := &reloading{&reload{inForce: s, check: a.fits, log: slog.New(slog.DiscardHandler), now: time.Now}, t, path}
	r.settle()
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settle looks as often as it takes for a content to count.
func (r *reloading) settle() verdict {
	first := r.look(r.t.Context(), false)
	if second := r.look(r.t.Context(), false); second.refused != nil || second.mended || len(second.changed) > 0 {
		return second
	}
	return first
}

func (r *reloading) knows(person string) bool {
	_, ok := r.inForce.directory().Person(person)
	return ok
}

func TestAFileThatIsWrittenWhileWeLookCountsOnceItIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	write(t, path, working)
	r := reloads(t, path)
	write(t, path, without[:len(without)/2])
	r.look(t.Context(), false)
	write(t, path, without)
	if v := r.look(t.Context(), false); v.refused != nil || !r.knows("minji") {
		t.Errorf("half a file counts: %+v", v)
	}
	if v := r.look(t.Context(), false); len(v.changed) != 1 || r.knows("minji") {
		t.Errorf("the whole file does not count: %+v", v)
	}
}

func TestAConfigMapThatIsSwappedAndAFileThatIsRenamedOverAreRead(t *testing.T) {
	dir := t.TempDir()
	for version, text := range map[string]string{"..1": working, "..2": without} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "neverlapse.yaml"), text)
	}
	point := func(to string) {
		tmp := filepath.Join(dir, "..tmp")
		if err := os.Symlink(to, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	point("..1")
	path := filepath.Join(dir, "neverlapse.yaml")
	if err := os.Symlink(filepath.Join("..data", "neverlapse.yaml"), path); err != nil {
		t.Fatal(err)
	}
	r := reloads(t, path)
	if point("..2"); len(r.settle().changed) == 0 || r.knows("minji") {
		t.Error("the link that was turned is not followed")
	}
	next := filepath.Join(dir, "next")
	write(t, next, working)
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	if v := r.settle(); len(v.changed) == 0 || !r.knows("minji") {
		t.Errorf("the file that was renamed over is not read: %+v", v)
	}
}

func TestABrokenFileIsRefusedWholeToldOnceAndTakenBackWhenItIsMended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	write(t, path, working)
	r := reloads(t, path)
	write(t, path, strings.Replace(broken, "catch_all: ops", "catch_all: none", 1))
	v := r.settle()
	if v.refused == nil || !r.knows("minji") {
		t.Fatalf("%+v", v)
	}
	for _, want := range []string{"teams[0].members[0]", "catch_all"} {
		if !strings.Contains(v.refused.text, want) || !strings.Contains(r.ready(t.Context()).Error(), want) || !strings.Contains(strings.Join(r.configured().Refused, "\n"), want) {
			t.Errorf("%s is not said: %s", want, v.refused.text)
		}
	}
	if v := r.settle(); v.refused != nil || v.mended {
		t.Errorf("the same content is told again: %+v", v)
	}
	write(t, path, broken)
	if next := r.settle(); next.refused == nil || next.refused.content == v.refused.content || !next.refused.since.Equal(v.refused.since) {
		t.Errorf("another content is not told, or as new trouble: %+v", next.refused)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if v := r.settle(); v.refused == nil || !strings.Contains(v.refused.text, "no such file") || !r.knows("minji") {
		t.Errorf("a file that is gone: %+v", v)
	}
	write(t, path, without)
	if v := r.settle(); !v.mended || r.knows("minji") || r.ready(t.Context()) != nil || len(r.wasRefused()) != 3 {
		t.Errorf("it is not mended: %+v", v)
	}
}

func TestChannelsAreReplacedWholeAndOneThatCannotBeMadeIsRefused(t *testing.T) {
	dir := t.TempDir()
	path, secret, signing := filepath.Join(dir, "neverlapse.yaml"), filepath.Join(dir, "secret"), filepath.Join(dir, "signing")
	write(t, signing, "0123456789abcdef0123456789abcdef")
	slack := strings.Replace(working, "[{name: log, kind: console}]", "[{name: log, kind: console}, {name: chat, kind: slack, options: {token_file: "+secret+", signing_secret_file: "+signing+"}}]", 1)
	slack = strings.Replace(slack, "email: ops@example.com", "email: ops@example.com, slack: C012ABCDE", 1)
	write(t, path, working)
	r := reloads(t, path)
	write(t, path, slack)
	if v := r.settle(); v.refused == nil || strings.Count(v.refused.text, "channels[1]") != 1 || len(r.inForce.channels()) != 0 || len(r.inForce.config().Channels) != 1 {
		t.Fatalf("a channel without its secret: %+v", v)
	}
	write(t, secret, "xoxb-0123456789")
	v := r.settle()
	if all := r.inForce.channels(); !v.mended || len(all) != 2 || all[1].Name != "chat" || r.inForce.lines().slack == nil {
		t.Fatalf("the secret is there: %+v, %d channels; %s", v, len(all), r.state().text)
	}
	chat := r.inForce.channels()[1].Channel
	write(t, path, strings.Replace(slack, "id: minji,", "id: jun,", 1)+"gather: {every: 3h}\n")
	if v := r.settle(); len(v.changed) != 2 || r.inForce.channels()[1].Channel != chat || r.inForce.gather().Every != 3*time.Hour {
		t.Errorf("what did not change is made anew, or what did does not count: %+v", v)
	}
	write(t, path, working)
	if r.settle(); len(r.inForce.channels()) != 1 || r.inForce.lines().slack != nil {
		t.Error("a channel that was removed still counts")
	}
}

func TestAFileWhoseTokensNameSomebodyGoneIsRefusedUntilTheyDoNot(t *testing.T) {
	dir := t.TempDir()
	path, tokens := filepath.Join(dir, "neverlapse.yaml"), filepath.Join(dir, "tokens")
	withTokens := func(text string) string { return text + "http: {token_file: " + tokens + "}\n" }
	write(t, tokens, "minji 0123456789abcdefghij\nhana 1123456789abcdefghij\n")
	write(t, path, withTokens(working))
	r := reloads(t, path)
	write(t, path, withTokens(without))
	if v := r.settle(); v.refused == nil || !strings.Contains(v.refused.text, "http.token_file") || !r.knows("minji") {
		t.Fatalf("%+v", v)
	}
	write(t, tokens, "hana 1123456789abcdefghij\n")
	if v := r.settle(); !v.mended || r.knows("minji") || len(r.inForce.tokens()) != 1 {
		t.Errorf("the file of tokens was mended: %+v, %d tokens", v, len(r.inForce.tokens()))
	}
	write(t, tokens, "hana 1123456789abcdefghij\nhana 2123456789abcdefghij\n")
	if r.settle(); len(r.inForce.tokens()) != 2 {
		t.Error("a token that was added does not count")
	}
}

func TestWhatNeedsARestartIsSaidAndChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	write(t, path, working)
	r := reloads(t, path)
	write(t, path, without+"targets: [{name: web, kind: file, options: {directory: /srv/web}}]\n")
	if v := r.settle(); len(v.changed) != 1 || r.knows("minji") {
		t.Errorf("what may count does not: %+v", v)
	}
	if err := r.ready(t.Context()); err == nil || err.Error() != "needs a restart: targets" {
		t.Error(err)
	}
	write(t, path, working+"targets: [{name: web, kind: file, options: {directory: relative}}]\n")
	if v := r.settle(); v.refused == nil || !strings.Contains(v.refused.text, "targets[0].options.directory") || r.knows("minji") {
		t.Errorf("the next start would fail, and it is not said: %+v", v)
	}
}

func TestPeopleAreLookedUpWhileTheFileChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	write(t, path, working)
	r := reloads(t, path)
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if d := r.inForce.directory(); d.Validate() != nil || len(d.Teams) != 1 {
					t.Error("half a directory is in force")
				}
			}
		})
	}
	for i := range 50 {
		write(t, path, []string{without, working}[i%2])
		if v := r.settle(); len(v.changed) == 0 {
			t.Errorf("round %d: nothing changed", i)
		}
	}
	stop()
	readers.Wait()
}
