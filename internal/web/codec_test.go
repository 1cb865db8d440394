package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const uiOrigin = "https://temporal.example.com"

// decoding serves clear text to minji; whoever is known otherwise may not have it.
func decoding(log *strings.Builder) Codec {
	return Codec{
		Codec: converter.NewZlibCodec(converter.ZlibCodecOptions{AlwaysEncode: true}), Origin: func() string { return uiOrigin },
		Who: func(r *http.Request) (string, time.Duration) {
			if r.Header.Get("Authorization") == "slow" {
				return "", 90 * time.Second
			}
			return r.Header.Get("Authorization"), 0
		},
		May: func(person string) error {
			if person != "minji" {
				return errors.New(person + " may not")
			}
			return nil
		},
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
}

func ask(c Codec, method, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/codec/decode", strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

func TestClearTextIsForThoseWhoMayReadItAndTheLogHasThem(t *testing.T) {
	var log strings.Builder
	c := decoding(&log)
	clear, err := converter.GetDefaultDataConverter().ToPayload("the secret")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := c.Codec.Encode([]*commonpb.Payload{clear})
	if err != nil {
		t.Fatal(err)
	}
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: packed})
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]int{"": 401, "hana": 403, "slow": 429, "minji": 200} {
		w := ask(c, http.MethodPost, string(body), map[string]string{"Authorization": who, "Origin": uiOrigin, "X-Namespace": "certificates"})
		var got commonpb.Payloads
		read := protojson.Unmarshal(w.Body.Bytes(), &got) == nil && len(got.Payloads) == 1 && proto.Equal(got.Payloads[0], clear)
		if w.Code != want || read != (want == 200) {
			t.Errorf("%q: %d, want %d\n%s", who, w.Code, want, w.Body)
		}
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") != uiOrigin || h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Origin" {
			t.Errorf("%q: %v", who, h)
		}
	}
	for _, piece := range []string{`msg="codec: clear text was read" person=minji payloads=1 namespace=certificates`, `msg="codec: refused clear text" person=hana`} {
		if !strings.Contains(log.String(), piece) {
			t.Errorf("the log has no %q:\n%s", piece, log.String())
		}
	}
	if strings.Contains(log.String(), "the secret") {
		t.Error("the clear text is in the log")
	}
}

func TestOnlyTheWebUIOfTemporalAsksFromABrowser(t *testing.T) {
	c := decoding(&strings.Builder{})
	for origin, want := range map[string]int{uiOrigin: 204, "https://evil.example": 403, "null": 403, uiOrigin + ".evil.example": 403, "http://temporal.example.com": 403} {
		w := ask(c, http.MethodOptions, "", map[string]string{"Origin": origin})
		if w.Code != want || (w.Header().Get("Access-Control-Allow-Credentials") == "true") != (want == 204) {
			t.Errorf("%q: %d %v", origin, w.Code, w.Header())
		}
		if w := ask(c, http.MethodPost, "{}", map[string]string{"Origin": origin, "Authorization": "minji"}); (w.Code == 200) != (want == 204) {
			t.Errorf("%q asks all the same: %d", origin, w.Code)
		}
	}
	if w := ask(c, http.MethodOptions, "", map[string]string{"Origin": uiOrigin}); !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "X-Namespace") {
		t.Errorf("a browser is not let: %v", w.Header())
	}
	c.Origin = func() string { return "" }
	if w := ask(c, http.MethodOptions, "", map[string]string{"Origin": uiOrigin}); w.Code != 403 || !strings.Contains(w.Body.String(), "temporal.ui_url") {
		t.Errorf("without a known UI: %d %s", w.Code, w.Body)
	}
	if w := ask(c, http.MethodGet, "", map[string]string{"Authorization": "minji"}); w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestWhatIsNoPayloadIsRefused(t *testing.T) {
	c := decoding(&strings.Builder{})
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "payloads", "another thing": `{"payload": []}`, "no base64": `{"payloads":[{"data":"%"}]}`,
		"broken":   `{"payloads":[{"metadata":{"encoding":"YmluYXJ5L3psaWI="},"data":"AAAA"}]}`,
		"too long": `{"payloads":[` + strings.Repeat(" ", maxPayloads) + `]}`,
	} {
		if w := ask(c, http.MethodPost, body, map[string]string{"Authorization": "minji"}); w.Code != http.StatusBadRequest || w.Body.Len() == 0 || w.Body.Len() > 500 {
			t.Errorf("%s: %d %.200s", name, w.Code, w.Body)
		}
	}
	if w := ask(c, http.MethodPost, "{}", map[string]string{"Authorization": "minji"}); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("no payloads, from no browser: %d %v", w.Code, w.Header())
	}
}
