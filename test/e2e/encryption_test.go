package e2e

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/codec"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const why = "the auditors are in the house"

// A fleet that began in clear text is encrypted, its key is replaced by another,
// and a worker that lacks one waits for it.
func TestCertificatesAreEncryptedInTemporalAndTheirKeyIsReplacedWhileTheyLive(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Nginx: sites(lived(t, "www.shop.test", 60*aDay), lived(t, "hidden.shop.test", 60*aDay))})
	a, b := w.newKey("a"), w.newKey("b")
	w.client = w.reader(a, b)
	raw, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	reading, early, rotating := "{keys: ["+a+", "+b+"]}", "{use: a, keys: ["+a+", "+b+"]}", "{use: b, keys: ["+a+", "+b+"]}"
	w.edit("sticky_timeout:", "encryption: "+reading+", sticky_timeout:")
	w.start() // it could read what is encrypted, and sends clear text
	w.manage("shop", 0)
	w.renewNow("shop")
	if text := w.kept(raw, "shop"); !bytes.Contains(text, []byte("www.shop.test")) || !bytes.Contains(text, []byte("minji")) {
		t.Fatal("clear text is not found where there is nothing else")
	}

	w.tooEarly(reading)
	w.encrypt(reading, early)
	w.manage("vault", 1)
	w.cli(0, "pause", "vault", "--until", "1h", "--reason", why)
	w.cli(0, "resume", "vault")
	w.renewNow("vault")
	w.renewNow("shop") // its history began in clear text
	says(t, w.cli(0, "list"), "vault", "shop", "Pebble")
	says(t, w.cli(0, "history", "vault"), why)
	if code, body := w.request("GET", w.url("/c/vault"), nil); code != http.StatusOK || !strings.Contains(body, "hidden.shop.test") {
		t.Errorf("the page: %d\n%s", code, body)
	}
	w.eventually("the memos to be in the index, where only the key opens them", func() bool { return len(w.memo(raw, "vault")) > 0 })
	text := append(w.kept(raw, "vault"), w.memo(raw, "vault")...)
	for _, clear := range []string{"hidden.shop.test", "minji", "platform", "tester", why, "pebble"} {
		if i := bytes.Index(text, []byte(clear)); i >= 0 {
			t.Errorf("%q is there in clear text: ...%q...", clear, text[max(0, i-120):min(len(text), i+120)])
		}
	}

	w.encrypt(early, rotating)
	w.renewNow("vault")
	if text := w.kept(raw, "vault"); !bytes.Contains(text, []byte("encryption-key-id\x12\x01a")) || !bytes.Contains(text, []byte("encryption-key-id\x12\x01b")) {
		t.Error("not both keys are in use")
	}
	w.replays("vault", a, b)
	w.replays("shop", a, b)

	w.Worker.Stop()
	w.edit(rotating, "{use: b, keys: ["+b+"]}")
	ctx, cancel := w.patience()
	defer cancel()
	missing := `key "a", which is not in temporal.encryption.keys (it has b)`
	if out, code := w.CLI(ctx, "list"); code == 0 || !strings.Contains(out, missing) {
		t.Errorf("a list without the key: %d\n%s", code, out)
	}
	w.eventually("a worker to start once the one that used the key is forgotten", func() bool { return w.StartWorker(ctx) == nil })
	if err := raw.SignalWorkflow(ctx, workflows.WorkflowID("shop"), "", workflows.SignalObserved, []cert.Observation{}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the task to fail for want of the key", func() bool {
		return slices.ContainsFunc(w.events(raw, workflows.WorkflowID("shop"), ""), func(e *historypb.HistoryEvent) bool {
			return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED
		})
	})
	says(t, w.Worker.Output(), strings.ReplaceAll(missing, `"`, `\"`))
	if out, code := w.CLI(ctx, "status", "shop"); code == 0 {
		t.Errorf("a status without the key:\n%s", out)
	}
	w.encrypt("{use: b, keys: ["+b+"]}", rotating)
	w.until("shop", "it to go on as if nothing had been", func(s workflows.Status) bool { return len(s.State.Flights) == 0 && s.Unread == 0 })
	w.renewNow("shop")
}

// newKey makes a key, and gives the YAML that names it.
func (w *world) newKey(id string) string {
	w.t.Helper()
	file := filepath.Join(w.Dir, "temporal-"+id+".key")
	out, err := exec.Command("openssl", "rand", "-base64", "32").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	writeFile(w.t, file, out)
	return fmt.Sprintf("{id: %s, file: %s}", id, file)
}

// reader is a client that decrypts; whoever looks for clear text has another.
func (w *world) reader(keys ...string) client.Client {
	w.t.Helper()
	c, err := app.Dial(w.t.Context(), w.reading(keys), slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { // before the world's: what is recorded for replay is clear text
		c.Close()
		w.client = nil
	})
	return c
}

func (w *world) reading(keys []string) config.Config {
	w.t.Helper()
	file := filepath.Join(w.Dir, "reader.yaml")
	writeFile(w.t, file, fmt.Appendf(nil, "temporal: {address: %q, namespace: %s, encryption: {keys: [%s]}}\n", w.Engine, w.Namespace, strings.Join(keys, ", ")))
	c, err := config.Load(file, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// encrypt starts the worker anew with another temporal.encryption.
func (w *world) encrypt(before, after string) {
	w.t.Helper()
	const key = "encryption: "
	w.Worker.Stop()
	w.edit(key+before, key+after)
	w.start()
}

// tooEarly holds that a worker does not start with a key that another, which was
// there a moment ago, could not read.
func (w *world) tooEarly(now string) {
	w.t.Helper()
	w.Worker.Stop()
	next := "{use: c, keys: [" + w.newKey("c") + "]}"
	w.edit(now, next)
	ctx, cancel := w.patience()
	defer cancel()
	if err := w.StartWorker(ctx); err == nil || !strings.Contains(err.Error(), `has not this key "c"`) {
		w.t.Errorf("a key that only one worker has: %v", err)
	}
	w.Worker.Stop()
	w.edit(next, now)
}

// renewNow has a certificate renewed, and waits until all is quiet.
func (w *world) renewNow(name string) {
	w.t.Helper()
	quiet := func(s workflows.Status) bool { return len(s.State.Flights) == 0 && s.Unread == 0 }
	s := w.until(name, "nothing to be under way", quiet)
	w.cli(0, "renew", name)
	w.until(name, "the renewal", func(now workflows.Status) bool {
		return quiet(now) && now.State.Live.Fingerprint != "" && now.State.Live.Fingerprint != s.State.Live.Fingerprint
	})
}

// runsOf lists the runs of a certificate and of its renewals.
func (w *world) runsOf(name string) (out []*commonpb.WorkflowExecution) {
	w.t.Helper()
	list, err := w.client.ListWorkflow(w.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: w.Namespace, Query: fmt.Sprintf("WorkflowId = %q OR WorkflowId STARTS_WITH %q", workflows.WorkflowID(name), "renewal/"+name+"/"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range list.GetExecutions() {
		out = append(out, x.GetExecution())
	}
	if len(out) < 2 {
		w.t.Fatalf("%s has %d runs", name, len(out))
	}
	return out
}

// events are those of a run, of the latest where none is named.
func (w *world) events(c client.Client, id, run string) (out []*historypb.HistoryEvent) {
	w.t.Helper()
	all := c.GetWorkflowHistory(w.t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		e, err := all.Next()
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// kept is what Temporal keeps of a certificate and its renewals, without what
// stays in clear text: search attributes, which it finds them by.
func (w *world) kept(raw client.Client, name string) (out []byte) {
	w.t.Helper()
	for _, x := range w.runsOf(name) {
		for _, e := range w.events(raw, x.GetWorkflowId(), x.GetRunId()) {
			withoutAttributes(e.ProtoReflect())
			text, err := proto.Marshal(e)
			if err != nil {
				w.t.Fatal(err)
			}
			out = append(out, text...)
		}
	}
	return out
}

// memo is what the index keeps of a certificate beside its search attributes.
func (w *world) memo(raw client.Client, name string) []byte {
	w.t.Helper()
	list, err := raw.ListWorkflow(w.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: w.Namespace, Query: fmt.Sprintf("WorkflowId = %q AND ExecutionStatus = 'Running'", workflows.WorkflowID(name)),
	})
	if err != nil || len(list.GetExecutions()) != 1 {
		w.t.Fatal(list, err)
	}
	text, err := proto.Marshal(list.GetExecutions()[0].GetMemo())
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func withoutAttributes(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() || f.IsMap() || f.Message() == nil:
		case f.Message().FullName() == "temporal.api.common.v1.SearchAttributes":
			m.Clear(f)
		default:
			withoutAttributes(v.Message())
		}
		return true
	})
}

// replays holds that every run of a certificate replays as it was encrypted.
func (w *world) replays(name string, keys ...string) {
	w.t.Helper()
	var secrets []codec.Key
	for _, k := range w.reading(keys).Temporal.Encryption.Keys {
		text, err := os.ReadFile(k.File)
		if err != nil {
			w.t.Fatal(err)
		}
		secret, err := codec.ParseKey(string(text))
		if err != nil {
			w.t.Fatal(err)
		}
		secrets = append(secrets, codec.Key{ID: k.ID, Secret: secret})
	}
	c, err := codec.New("", secrets, time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	var o client.Options
	c.Worker(&o)
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: o.DataConverter, FailureConverter: o.FailureConverter})
	if err != nil {
		w.t.Fatal(err)
	}
	app.Register(r, &workflows.Workflows{Brain: lifecycle.Next, Link: func(string) string { return "http://127.0.0.1/" }}, nil)
	for _, x := range w.runsOf(name) {
		if err := r.ReplayWorkflowHistory(nil, &historypb.History{Events: w.events(w.client, x.GetWorkflowId(), x.GetRunId())}); err != nil {
			w.t.Errorf("%s: %v", x.GetWorkflowId(), err)
		}
	}
}

// The Web UI of Temporal, and its CLI, are given clear text by the worker, for
// those who may read it.
func TestClearTextOfTemporalIsShownToThoseWhoMayReadItOnly(t *testing.T) {
	t.Parallel()
	const ui, minji, dana = "https://temporal.shop.test", "minji-0123456789abcdef", "dana-0123456789abcdef"
	w := prepare(t, harness.Options{Nginx: sites(lived(t, "hidden.shop.test", 60*aDay))})
	key := w.newKey("a")
	w.client = w.reader(key)
	raw, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	tokens := filepath.Join(w.Dir, "tokens")
	writeFile(t, tokens, []byte("minji "+minji+"\ndana "+dana+"\n"))
	w.edit(
		"people:\n", "people:\n  - {id: dana, name: Dana Oh, email: dana@example.com}\n",
		"teams:\n", "permissions: {decode: [operators]}\nteams:\n  - {id: web, members: [dana], email: web@example.com}\n",
		"http: {", "http: {token_file: "+tokens+", ",
		"sticky_timeout:", "encryption: {use: a, keys: ["+key+"]}, ui_url: "+ui+", sticky_timeout:")
	w.start()
	w.watch("vault", 0)
	var kept []*commonpb.Payload
	w.eventually("the history to have something to show", func() bool {
		for _, e := range w.events(raw, workflows.WorkflowID("vault"), "") {
			kept = append(kept, e.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()...)
		}
		return len(kept) > 0
	})

	ask := func(change func(*http.Request)) (string, error) {
		remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: w.url("/codec"), ModifyRequest: func(r *http.Request) error {
			r.Header.Set("X-Namespace", w.Namespace)
			change(r)
			return nil
		}})
		clear, err := remote.Decode(kept)
		if err != nil {
			return "", err
		}
		return string(clear[0].GetData()), nil
	}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	clear, err := ask(bearer(minji))
	if err != nil || !strings.Contains(clear, "hidden.shop.test") {
		t.Errorf("an operator by the CLI: %v\n%s", err, clear)
	}
	for who, change := range map[string]func(*http.Request){
		"who is no operator": bearer(dana), "a token of nobody": bearer("guess-0123456789abcdef"), "nobody": func(*http.Request) {},
		"another site": func(r *http.Request) { bearer(minji)(r); r.Header.Set("Origin", "https://evil.test") },
	} {
		if clear, err := ask(change); err == nil || strings.Contains(err.Error(), "hidden.shop.test") {
			t.Errorf("%s: %v\n%s", who, err, clear)
		}
	}
	cookies := w.signedIn(minji)
	browser := func(r *http.Request) {
		r.Header.Set("Origin", ui)
		for _, c := range cookies {
			r.AddCookie(c)
		}
	}
	if clear, err := ask(browser); err != nil || !strings.Contains(clear, "hidden.shop.test") {
		t.Errorf("the Web UI, for who signed in at the page: %v\n%s", err, clear)
	}
	log := w.Worker.Output()
	says(t, log, `"codec: clear text was read" person=minji`, `"codec: refused clear text" person=dana`)
	if strings.Contains(log, minji) || strings.Contains(log, dana) {
		t.Error("a token is in the log")
	}

	w.edit("permissions: {decode: [operators]}\n", "") // counts at once
	w.eventually("nobody to be shown anything", func() bool { _, err := ask(bearer(minji)); return err != nil })
	w.edit("teams:\n", "permissions: {decode: [operators]}\nteams:\n")
	w.eventually("it to be shown again", func() bool { _, err := ask(bearer(minji)); return err == nil })
}

// signedIn are the cookies of who signed in at the page.
func (w *world) signedIn(token string) []*http.Cookie {
	w.t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.PostForm(w.url("/sign-in"), url.Values{"token": {token}})
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if len(resp.Cookies()) == 0 {
		w.t.Fatalf("signing in: %s", resp.Status)
	}
	return resp.Cookies()
}
