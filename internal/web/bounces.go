package web

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// BouncePath is where mail services, and mail servers by a pipe, post mail that
// came back.
const BouncePath = "/mail/bounces"

// BounceConfig is what the taking of bounces needs.
type BounceConfig struct {
	Token string // whoever has it is believed
	// Take does what follows; isMail tells that the body is a whole mail and no JSON.
	// Invalid: the body cannot be read and need not come again.
	Take func(ctx context.Context, body []byte, isMail bool) error
	Log  *slog.Logger
}

type bounceHandler struct{ BounceConfig }

// BounceHandler makes the handler of BouncePath.
func BounceHandler(c BounceConfig) http.Handler { return &bounceHandler{c} }

// ServeHTTP answers 200 to what was taken; 400 to what makes no sense; 500 makes
// the service post it again.
func (h *bounceHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := posted(w, r)
	if !ok {
		return
	}
	if !h.knows(r) {
		h.Log.Warn("a bounce is posted without the token", "from", r.RemoteAddr)
		w.Header().Set("WWW-Authenticate", "Basic realm=\"bounces\", Bearer")
		http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	err := h.Take(context.WithoutCancel(r.Context()), body, kind == "message/rfc822")
	switch {
	case fault.Is(err, fault.Invalid):
		http.Error(w, alert.Clean(err.Error()), http.StatusBadRequest)
	case err != nil:
		h.Log.Error("a bounce could not be dealt with", "cause", alert.Clean(err.Error()))
		http.Error(w, "not now; post it again", http.StatusInternalServerError)
	}
}

// knows reports whether the token came as a bearer token or as the password of
// basic authentication, which is what can be written into an address.
func (h *bounceHandler) knows(r *http.Request) bool {
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		_, given, _ = r.BasicAuth()
	}
	return subtle.ConstantTimeCompare([]byte(strings.TrimSpace(given)), []byte(h.Token)) == 1
}
