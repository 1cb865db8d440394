package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxPayloads bounds what is sent to be decrypted at once; the Web UI sends what
// one page of a history has.
const maxPayloads = 32 << 20

// Codec decrypts for the Web UI and the CLI of Temporal, by their protocol of
// codec servers; it never encrypts. Clear text is for those only who say who
// they are and may read it, and the log has each of them.
type Codec struct {
	Codec  converter.PayloadCodec
	Origin func() string // of the Web UI, from which browsers may ask; empty: from none
	// Who tells who asks; wait is how long somebody has to who failed too often.
	Who func(r *http.Request) (person string, wait time.Duration)
	May func(person string) error
	Log *slog.Logger
}

func (c Codec) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		if want := c.Origin(); want == "" || origin != want {
			http.Error(w, fmt.Sprintf("pages of %q may not ask here; the Web UI of Temporal is temporal.ui_url, %q", origin, want), http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Methods", "POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Authorization-Extras, Content-Type, X-Namespace")
	}
	w.Header().Set("Vary", "Origin")
	w.Header().Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodOptions: // a browser asks whether it may ask
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		c.decode(w, r)
	default:
		w.Header().Set("Allow", "OPTIONS, POST")
		http.Error(w, "send payloads by POST", http.StatusMethodNotAllowed)
	}
}

func (c Codec) decode(w http.ResponseWriter, r *http.Request) {
	person, wait := c.Who(r)
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(w, "too many tokens were wrong; wait a minute", http.StatusTooManyRequests)
		return
	}
	if person == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="codec"`)
		http.Error(w, "sign in at the page of Neverlapse, or show your token of http.token_file as Authorization: Bearer TOKEN", http.StatusUnauthorized)
		return
	}
	if err := c.May(person); err != nil {
		c.Log.Warn("codec: refused clear text", "person", person, "from", r.RemoteAddr)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayloads))
	var in commonpb.Payloads
	if err == nil {
		err = protojson.Unmarshal(body, &in)
	}
	if err != nil {
		http.Error(w, "these are no payloads of Temporal as JSON, or too many", http.StatusBadRequest)
		return
	}
	out, err := c.Codec.Decode(in.GetPayloads())
	if err != nil {
		c.Log.Warn("codec: could not decrypt", "person", person, "from", r.RemoteAddr, "error", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, err := protojson.Marshal(&commonpb.Payloads{Payloads: out})
	if err != nil {
		http.Error(w, "what was decrypted is no payload", http.StatusInternalServerError)
		return
	}
	c.Log.Info("codec: clear text was read", "person", person, "payloads", len(out), "namespace", r.Header.Get("X-Namespace"), "from", r.RemoteAddr)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}
