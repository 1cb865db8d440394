package codec

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func key(id string, fill byte) Key { return Key{id, bytes.Repeat([]byte{fill}, KeySize)} }

func with(t testing.TB, use string, keys ...Key) *Codec {
	t.Helper()
	c, err := New(use, keys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func clear(t testing.TB, v any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func encrypted(t testing.TB, c *Codec, v any) *commonpb.Payload {
	t.Helper()
	out, err := c.Encode([]*commonpb.Payload{clear(t, v)})
	if err != nil || len(out) != 1 {
		t.Fatal(out, err)
	}
	return out[0]
}

func refuses(t testing.TB, c *Codec, p *commonpb.Payload, pieces ...string) {
	t.Helper()
	out, err := c.Decode([]*commonpb.Payload{p})
	if err == nil {
		t.Fatalf("was read: %v", out)
	}
	for _, piece := range pieces {
		if !strings.Contains(err.Error(), piece) {
			t.Errorf("%q does not say %q", err, piece)
		}
	}
}

func TestWhatIsEncryptedIsReadAgainAndShowsNothing(t *testing.T) {
	c := with(t, "new", key("new", 1))
	before := clear(t, map[string]string{"owner": "minji"})
	out, err := c.Encode([]*commonpb.Payload{before, before})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range out {
		wire, _ := proto.Marshal(p)
		if bytes.Contains(wire, []byte("minji")) || bytes.Contains(wire, []byte("json/plain")) {
			t.Errorf("clear text in %q", wire)
		}
		if got := string(p.Metadata[MetadataKeyID]); got != "new" {
			t.Errorf("the key is called %q", got)
		}
	}
	if proto.Equal(out[0], out[1]) {
		t.Error("the same text is encrypted to the same bytes")
	}
	back, err := c.Decode(out)
	if err != nil || len(back) != 2 || !proto.Equal(back[0], before) || !proto.Equal(back[1], before) {
		t.Errorf("%v %v", back, err)
	}
}

func TestOneKeyEncryptsAndAllDecrypt(t *testing.T) {
	old, next := key("old", 1), key("new", 2)
	earlier := encrypted(t, with(t, "old", old), "earlier")
	both := with(t, "new", old, next)
	later := encrypted(t, both, "later")
	if got := string(later.Metadata[MetadataKeyID]); got != "new" {
		t.Errorf("encrypted with %q", got)
	}
	out, err := both.Decode([]*commonpb.Payload{earlier, later})
	if err != nil || !proto.Equal(out[0], clear(t, "earlier")) || !proto.Equal(out[1], clear(t, "later")) {
		t.Errorf("%v %v", out, err)
	}
	refuses(t, with(t, "new", next), earlier, `key "old"`, "it has new", "temporal.encryption.keys")
}

func TestClearTextIsReadWithAndWithoutKeys(t *testing.T) {
	for _, c := range []*Codec{with(t, ""), with(t, "new", key("new", 1))} {
		out, err := c.Decode([]*commonpb.Payload{clear(t, "clear"), {}, nil})
		if err != nil || len(out) != 3 || !proto.Equal(out[0], clear(t, "clear")) {
			t.Errorf("%v %v", out, err)
		}
	}
	only := with(t, "", key("new", 1)) // the first step of switching on
	if p := encrypted(t, only, "clear"); !proto.Equal(p, clear(t, "clear")) {
		t.Errorf("encrypted without a key to use: %v", p)
	}
	if out, err := only.Decode([]*commonpb.Payload{encrypted(t, with(t, "new", key("new", 1)), "x")}); err != nil || !proto.Equal(out[0], clear(t, "x")) {
		t.Errorf("%v %v", out, err)
	}
}

func TestWhatDoesNotOpenIsRefusedAndNamesTheKey(t *testing.T) {
	c := with(t, "new", key("new", 1), key("other", 2))
	good := encrypted(t, c, "secret")
	change := func(f func(*commonpb.Payload)) *commonpb.Payload {
		p := proto.Clone(good).(*commonpb.Payload)
		f(p)
		return p
	}
	refuses(t, with(t, "new", key("new", 9)), good, `does not open with key "new"`, "same content")
	refuses(t, with(t, ""), good, `key "new"`, "it has none")
	refuses(t, c, change(func(p *commonpb.Payload) { p.Metadata[MetadataKeyID] = []byte("other") }), `does not open with key "other"`)
	refuses(t, c, change(func(p *commonpb.Payload) { delete(p.Metadata, MetadataKeyID) }), `key ""`)
	refuses(t, c, change(func(p *commonpb.Payload) { p.Metadata[MetadataKeyID] = bytes.Repeat([]byte("\x1b"), 1<<20) }), `\x1b`)
	if _, err := c.Decode([]*commonpb.Payload{change(func(p *commonpb.Payload) { p.Metadata[MetadataKeyID] = make([]byte, 1<<20) })}); len(err.Error()) > 1000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	for n := range good.Data {
		refuses(t, c, change(func(p *commonpb.Payload) { p.Data = p.Data[:n] }), "does not open")
		refuses(t, c, change(func(p *commonpb.Payload) { p.Data[n] ^= 1 }), "does not open")
	}
}

func TestAnErrorRepeatsNoKey(t *testing.T) {
	for _, text := range []string{"", "c2VjcmV0", "secret secret", strings.Repeat("c2Vj", 12)} {
		if _, err := ParseKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "openssl rand -base64 32") {
			t.Errorf("%q: %v", text, err)
		}
	}
	want := bytes.Repeat([]byte{7}, KeySize)
	if got, err := ParseKey(" " + base64.StdEncoding.EncodeToString(want) + "\n"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if _, err := New("new", []Key{{"new", []byte("short")}}, time.Now); err == nil {
		t.Error("a short key was taken")
	}
	if _, err := New("new", []Key{key("old", 1)}, time.Now); err == nil {
		t.Error("a key that is not there was taken")
	}
}

func TestManyEncryptAtOnce(t *testing.T) {
	c := with(t, "new", key("new", 1))
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 50 {
				v := fmt.Sprint(i, j)
				p, err := c.Encode([]*commonpb.Payload{clear(t, v)})
				if err == nil {
					p, err = c.Decode(p)
				}
				if err != nil || !proto.Equal(p[0], clear(t, v)) {
					t.Errorf("%v %v", p, err)
				}
			}
		})
	}
	all.Wait()
}

func TestAnUnreadablePayloadStopsTheTaskOfAWorkflowAndFailsElsewhere(t *testing.T) {
	p := encrypted(t, with(t, "new", key("new", 1)), "secret")
	var asks, works client.Options
	with(t, "").Client(&asks)
	with(t, "").Worker(&works)
	var out string
	if err := asks.DataConverter.FromPayload(p, &out); err == nil || !strings.Contains(err.Error(), `"new"`) {
		t.Errorf("a client: %v", err)
	}
	aware := works.DataConverter.(converter.ContextAware)
	if err := aware.WithContext(context.Background()).FromPayload(p, &out); err == nil || !strings.Contains(err.Error(), `"new"`) {
		t.Errorf("an activity: %v", err)
	}
	for name, dc := range map[string]converter.DataConverter{"a workflow": aware.WithWorkflowContext(nil), "the worker itself": works.DataConverter} {
		func() {
			defer func() {
				if said := recover(); said == nil || !strings.Contains(fmt.Sprint(said), `"new"`) {
					t.Errorf("%s: %v", name, said)
				}
			}()
			err := dc.FromPayload(p, &out)
			t.Errorf("%s read %q, %v", name, out, err)
		}()
	}
}

func TestErrorsOfWorkflowsAreEncrypted(t *testing.T) {
	var o client.Options
	with(t, "new", key("new", 1)).Client(&o)
	f := o.FailureConverter.ErrorToFailure(temporal.NewApplicationError("minji said no", "refused", "hana"))
	wire, _ := proto.Marshal(f)
	if bytes.Contains(wire, []byte("minji")) || bytes.Contains(wire, []byte("hana")) || !bytes.Contains(wire, []byte("refused")) {
		t.Errorf("on the wire: %q", wire)
	}
	if err := o.FailureConverter.FailureToError(f); !strings.Contains(err.Error(), "minji said no") {
		t.Errorf("read as %v", err)
	}
}

func TestMemosOfAnswersAreRead(t *testing.T) {
	c := with(t, "new", key("new", 1))
	about := func(p *commonpb.Payload) *workflowpb.WorkflowExecutionInfo {
		return &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: "certificate/shop"}, Memo: &commonpb.Memo{Fields: map[string]*commonpb.Payload{"live": p}}}
	}
	ask := func(c *Codec, out any) error {
		return c.memos(t.Context(), "", nil, out, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil })
	}
	list := &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{about(encrypted(t, c, "x")), about(clear(t, "x")), {}}}
	one := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: about(encrypted(t, c, "x"))}
	for _, out := range []any{list, one, &workflowservice.DescribeWorkflowExecutionResponse{}, &workflowservice.CountWorkflowExecutionsResponse{}} {
		if err := ask(c, out); err != nil {
			t.Error(err)
		}
	}
	for _, x := range []*workflowpb.WorkflowExecutionInfo{list.Executions[0], list.Executions[1], one.WorkflowExecutionInfo} {
		if !proto.Equal(x.Memo.Fields["live"], clear(t, "x")) {
			t.Errorf("the memo is %v", x.Memo)
		}
	}
	err := ask(with(t, ""), &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: about(encrypted(t, c, "x"))})
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), `"new"`) || !strings.Contains(err.Error(), "certificate/shop") {
		t.Error(err)
	}
}

func TestKeysAreReplacedUnderWhoeverUsesThem(t *testing.T) {
	a, b := key("a", 1), key("b", 2)
	c := with(t, "a", a)
	var works client.Options
	c.Worker(&works)
	before := encrypted(t, c, "x")

	c.AdoptToRead(with(t, "b", a, b))
	if id, _ := c.Use(); id != "a" || len(c.Names()) != 2 {
		t.Errorf("%s encrypts, with keys %v", id, c.Names())
	}
	c.Adopt(with(t, "b", a, b))
	after := encrypted(t, c, "x")
	if id := string(after.Metadata[MetadataKeyID]); id != "b" {
		t.Errorf("%s encrypts", id)
	}
	for _, p := range []*commonpb.Payload{before, after} {
		var out string
		if err := works.DataConverter.FromPayload(p, &out); err != nil || out != "x" {
			t.Errorf("%q, %v", out, err)
		}
	}

	for what, next := range map[string]*Codec{"it is gone": with(t, "b", b), "it has another content": with(t, "b", b, key("a", 9))} {
		lost := c.Lost(next)
		if at, gone := lost["a"]; !gone || len(lost) != 1 || time.Since(at) > time.Minute {
			t.Errorf("%s: %v", what, lost)
		}
	}
	if lost := c.Lost(with(t, "", b, a)); len(lost) != 0 {
		t.Errorf("of the same keys %v are lost", lost)
	}
	if lost := with(t, "a", a).Lost(with(t, "")); !lost["a"].IsZero() || len(lost) != 1 {
		t.Errorf("a key that opened nothing: %v", lost)
	}

	c.Adopt(with(t, "", b, a))
	f := works.FailureConverter.ErrorToFailure(temporal.NewApplicationError("minji said no", "refused"))
	if c.Encrypts() || f.GetMessage() != "minji said no" {
		t.Errorf("switched off, and an error is told as %q", f.GetMessage())
	}
	c.Adopt(with(t, "a", b, a))
	if f := works.FailureConverter.ErrorToFailure(temporal.NewApplicationError("minji said no", "refused")); f.GetMessage() == "minji said no" {
		t.Error("switched on, and an error is told in clear text")
	}
}

func FuzzDecode(f *testing.F) {
	c := with(f, "new", key("new", 1))
	good := encrypted(f, c, "secret")
	f.Add([]byte("new"), good.Data)
	f.Add([]byte("new"), good.Data[:12])
	f.Add([]byte(""), []byte{})
	f.Fuzz(func(t *testing.T, id, data []byte) {
		p := &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: id}, Data: data}
		out, err := c.Decode([]*commonpb.Payload{p})
		if err == nil && !proto.Equal(out[0], clear(t, "secret")) { // each process that fuzzes has sealed it anew
			t.Errorf("%q opened to %v", data, out)
		}
	})
}
