package e2e

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// collection is everything that a world left behind where no key may be: by
// kind, then by name.
type collection map[string]map[string][]byte

func (c collection) add(kind, name string, data []byte) {
	if c[kind] == nil {
		c[kind] = map[string][]byte{}
	}
	c[kind][name] = data
}

// find tells where and in which form a key is, "" if nowhere. Only some kinds
// are searched if any are named.
func (c collection) find(key crypto.Signer, kinds ...string) string {
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(c[kind])) {
			if form := storetest.FindKey(c[kind][name], key); form != "" {
				return fmt.Sprintf("%s in %s (%s)", form, kind, name)
			}
		}
	}
	return ""
}

func (c collection) size(kind string) (n int) {
	for _, data := range c[kind] {
		n += len(data)
	}
	return n
}

// The kinds of what is searched.
const (
	inHistory    = "history"
	inVisibility = "memo and search attributes"
	inDatabase   = "database of the engine"
	inWorkerLog  = "log of the worker"
	inEngineLog  = "log of the engine"
	inMail       = "mail"
	inSlack      = "Slack"
	inChildren   = "argv and environment of child processes"
	inStore      = "sealed store and journal"
	inCLI        = "output of the CLI"
)

// collect gathers what there is now, of certificates by their names; spied is
// what child processes saw, if somebody looked.
func (w *world) collect(spied string, names ...string) collection {
	w.t.Helper()
	c := collection{}
	w.collectWorkflows(c)
	w.collectFolder(c, inStore, filepath.Join(w.Dir, "store"))
	w.collectFolder(c, inDatabase, filepath.Join(w.Data(), "engine"))
	for name, data := range c[inDatabase] {
		if strings.HasSuffix(name, ".log") {
			c.add(inEngineLog, name, data)
			delete(c[inDatabase], name)
		}
	}
	c.add(inWorkerLog, w.Worker.Log, []byte(w.Worker.Output()))
	for i, m := range w.Mail.Mails() {
		c.add(inMail, fmt.Sprint(i), slices.Concat(m.Raw, []byte(m.Text), []byte(m.HTML)))
	}
	for _, m := range w.Slack.Messages() {
		data, err := json.Marshal(m)
		if err != nil {
			w.t.Fatal(err)
		}
		c.add(inSlack, m.TS, data)
	}
	if spied != "" {
		data, err := os.ReadFile(spied)
		if err != nil {
			w.t.Fatalf("no child process was seen: %v", err)
		}
		c.add(inChildren, spied, data)
	}
	for _, name := range names {
		c.add(inCLI, "history "+name, []byte(w.cli(0, "history", name, "--output", "json")))
		c.add(inCLI, "status "+name, []byte(w.cli(0, "status", name, "--output", "json")))
	}
	return c
}

func (w *world) collectFolder(c collection, kind, dir string) {
	w.t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		c.add(kind, path, data)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// collectWorkflows fetches every run of every workflow: its events as they are
// on the wire, and each payload in them by itself.
func (w *world) collectWorkflows(c collection) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	seen := map[string]int{}
	var next []byte
	for {
		page, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.Namespace, NextPageToken: next})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, info := range page.GetExecutions() {
			id, run := info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId()
			seen[info.GetType().GetName()]++
			c.add(inVisibility, id+" "+run, unfolded(w.t, info))
			var all []byte
			events := w.client.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				e, err := events.Next()
				if err != nil {
					w.t.Fatal(err)
				}
				all = append(all, unfolded(w.t, e)...)
			}
			c.add(inHistory, id+" "+run, all)
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			break
		}
	}
	for _, kind := range []string{"CertificateWorkflow", "RenewalWorkflow", "EnrollmentWorkflow"} {
		if seen[kind] == 0 {
			w.t.Errorf("no %s among %v", kind, seen)
		}
	}
}

// unfolded is a message as it is on the wire, followed by every payload in it.
func unfolded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	out, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(protoreflect.Message)
	each := func(v protoreflect.Value, fd protoreflect.FieldDescriptor) {
		if fd.Message() != nil {
			walk(v.Message())
		}
	}
	walk = func(m protoreflect.Message) {
		if p, ok := m.Interface().(*commonpb.Payload); ok {
			out = append(append(out, '\n'), p.GetData()...)
		}
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case fd.IsMap():
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { each(v, fd.MapValue()); return true })
			case fd.IsList():
				for i := range v.List().Len() {
					each(v.List().Get(i), fd)
				}
			default:
				each(v, fd)
			}
			return true
		})
	}
	walk(m.ProtoReflect())
	return out
}

// keys gives every private key that the store holds, and those that the targets had before.
func (w *world) keys(names ...string) map[string]crypto.Signer {
	w.t.Helper()
	ctx := w.t.Context()
	s, err := store.Options{Path: filepath.Join(w.Dir, "store"), KeyFile: filepath.Join(w.Dir, "store.key")}.Open(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	out := map[string]crypto.Signer{}
	add := func(what string, pem []byte) {
		key, err := cert.DecodeKey(pem)
		if err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
		out[what] = key
	}
	for _, name := range names {
		versions, err := s.Versions(ctx, name)
		if err != nil || len(versions) == 0 {
			w.t.Fatalf("%s has %d versions: %v", name, len(versions), err)
		}
		for _, v := range versions {
			pair, err := s.Pair(ctx, name, v.Fingerprint)
			if err != nil {
				w.t.Fatal(err)
			}
			add(name+" "+v.Fingerprint.Short(), pair.Key)
		}
	}
	account, err := s.Account(ctx, "pebble", "ops@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	add("the ACME account", account.Key)
	for _, site := range w.Nginx.Servers {
		add("what "+site.Name+" had before", site.Initial.Key)
	}
	return out
}

// spy is a target of files whose check writes down what it and the worker were
// started with.
func spy(t *testing.T) (targets, spied string) {
	t.Helper()
	dir := t.TempDir()
	script, spied := filepath.Join(dir, "spy.sh"), filepath.Join(dir, "spied")
	place := filepath.Join(dir, "place")
	if err := os.Mkdir(place, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\nexec >> " + spied + "\nprintf 'CHILD\\0'\ncat /proc/$$/environ\nprintf 'ARGV\\0'\ncat /proc/$$/cmdline\nprintf 'PARENT\\0'\ncat /proc/$PPID/environ /proc/$PPID/cmdline\nprintf 'INPUT\\0'\ncat\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("  - {name: spy, kind: file, options: {directory: %s, check: [%s]}}\n", place, script), spied
}

func TestNoPrivateKeyIsFoundWhereNoneBelongs(t *testing.T) {
	t.Parallel()
	targets, spied := spy(t)
	w := prepareOwn(t, harness.Options{
		Policies: stepsPolicy + early, Targets: targets,
		Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "old.shop.test", time.Hour), site(t, "bad.shop.test", time.Hour), site(t, "bought.shop.test", time.Hour)),
	})
	w.start()
	w.lead()
	c := w.collect(spied, "shop", "bad", "old", "bought")
	for kind := range c {
		t.Logf("%s: %d bytes in %d pieces", kind, c.size(kind), len(c[kind]))
	}
	keys := w.keys("shop", "bad", "bought")
	if len(keys) < 8 {
		t.Errorf("%d keys to look for: %v", len(keys), slices.Sorted(maps.Keys(keys)))
	}
	for what, key := range keys {
		if where := c.find(key); where != "" {
			t.Errorf("the key of %s: %s", what, where)
		}
	}
	w.noPassword(c)
	onlyHarmless(t, c[inChildren][spied])
	c.findsWhatIsPlanted(t)
	w.findsWhatIsPlantedInTheEngine(spied)
}

// lead makes the world live through a renewal, an alert with its answer and a
// deployment that fails.
func (w *world) lead() {
	w.t.Helper()
	before := w.served(0)
	w.manage("shop", 0, "--policy", "early", "--target", "spy")
	w.until("shop", "the renewal", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before && len(s.State.Flights) == 0
	})
	w.watch("old", 1, "--policy", "steps")
	w.settled("old", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })
	if got := w.click(w.slackTo(harness.OwnerSlack)[0], alert.ActAcknowledge, harness.OwnerSlack); got != http.StatusOK {
		w.t.Fatalf("the click was answered by %d", got)
	}
	w.manage("bought", 3, "--ca", "bought")
	w.buy(3)
	if err := w.Nginx.BreakConfig(); err != nil {
		w.t.Fatal(err)
	}
	w.manage("bad", 2, "--policy", "early")
	w.settled("bad", alert.RenewalFailing, "the failure to be told by two channels", func(a lifecycle.Alert) bool { return len(a.Receipts) > 1 })
	w.until("bad", "quiet", func(s workflows.Status) bool { return len(s.State.Flights) == 0 && s.Unread == 0 })
}

// noPassword holds that no other secret is there either.
func (w *world) noPassword(c collection) {
	w.t.Helper()
	keeper, err := os.ReadFile(filepath.Join(w.Dir, "store.key"))
	if err != nil {
		w.t.Fatal(err)
	}
	for what, secret := range map[string]string{
		"Slack's token": w.Slack.Token, "Slack's signing secret": w.Slack.SigningSecret, "the mail password": w.Mail.Password,
		"the store's key": strings.TrimSpace(string(keeper)),
	} {
		for kind, pieces := range c {
			for name, data := range pieces {
				if bytes.Contains(data, []byte(secret)) {
					w.t.Errorf("%s is in %s (%s)", what, kind, name)
				}
			}
		}
	}
}

// onlyHarmless holds that a child was given a minimal environment, and nothing to read.
func onlyHarmless(t *testing.T, spied []byte) {
	t.Helper()
	text, found := strings.CutPrefix(string(spied), "CHILD\x00")
	environment, rest, cut := strings.Cut(text, "ARGV\x00")
	if !found || !cut {
		t.Fatalf("the spy wrote %q", spied)
	}
	for _, v := range strings.Split(strings.TrimRight(environment, "\x00"), "\x00") {
		if name, _, _ := strings.Cut(v, "="); !slices.Contains([]string{"PATH", "LANG", "HOME"}, name) {
			t.Errorf("a child was given the variable %s", name)
		}
	}
	if argv, _, _ := strings.Cut(rest, "PARENT\x00"); !strings.Contains(argv, "spy.sh") || len(argv) > 500 {
		t.Errorf("a child was started as %q", argv)
	}
	if _, input, ok := strings.Cut(rest, "INPUT\x00"); !ok || strings.Split(input, "CHILD\x00")[0] != "" {
		t.Error("a child was given something to read")
	}
}

// findsWhatIsPlanted proves that the search sees a key in every kind, in every form.
func (c collection) findsWhatIsPlanted(t *testing.T) {
	t.Helper()
	key, err := cert.GenerateKey("EC256")
	if err != nil {
		t.Fatal(err)
	}
	pem, err := cert.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	raw := scalar(t, key)
	forms := map[string][]byte{"raw": raw, "hex": []byte(hex.EncodeToString(raw)), "PEM": pem}
	for offset := range 3 {
		forms[fmt.Sprintf("base64 at offset %d", offset)] = []byte(base64.StdEncoding.EncodeToString(append(make([]byte, offset), raw...)))
	}
	if where := c.find(key); where != "" {
		t.Fatalf("a key that was just made is found: %s", where)
	}
	for kind, pieces := range c {
		// The smallest piece that is not empty stands for its kind: the search treats all alike.
		name := slices.MinFunc(slices.Collect(maps.Keys(pieces)), func(a, b string) int { return len(pieces[a]) - len(pieces[b]) })
		for form, planted := range forms {
			half := len(pieces[name]) / 2
			copied := collection{kind: {name: slices.Concat(pieces[name][:half], []byte(" "), planted, []byte(" "), pieces[name][half:])}}
			if copied.find(key) == "" {
				t.Errorf("the search does not see a key planted into %s, %s", kind, form)
			}
		}
	}
}

func scalar(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	k, ok := key.(interface{ Bytes() ([]byte, error) })
	if !ok {
		t.Fatalf("%T has no scalar", key)
	}
	raw, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// findsWhatIsPlantedInTheEngine proves that what is in a workflow is collected:
// a key in an argument and in a memo is found in the history, in the index and
// in the database.
func (w *world) findsWhatIsPlantedInTheEngine(spied string) {
	w.t.Helper()
	key, err := cert.GenerateKey("EC256")
	if err != nil {
		w.t.Fatal(err)
	}
	pem, err := cert.EncodeKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	_, err = w.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "planted", TaskQueue: "nobody", Memo: map[string]any{"key": pem}}, "Planted", map[string]any{"key": pem})
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the planted workflow to be listed", func() bool {
		page, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.Namespace, Query: "WorkflowType = 'Planted'"})
		return err == nil && len(page.GetExecutions()) == 1
	})
	c := w.collect(spied, "shop", "bad", "old", "bought")
	for _, kind := range []string{inHistory, inVisibility, inDatabase} {
		if c.find(key, kind) == "" {
			w.t.Errorf("a key that a workflow was given is not found in %s", kind)
		}
	}
}
