package page

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lasting is how long somebody stays signed in.
const lasting = 12 * time.Hour

// session is one browser that came in.
type session struct {
	person string // ID of who signed in; empty without tokens
	nonce  string
	ends   time.Time
	key    []byte
}

// form is the token that every form of this session carries.
func (s session) form() string { return sign(s.key, "form\x00"+s.nonce) }

// fits reports whether a form is of this session.
func (s session) fits(form string) bool {
	return subtle.ConstantTimeCompare([]byte(form), []byte(s.form())) == 1
}

// sessions makes and reads the cookies of sessions. A cookie is signed by what
// only the holder of that person's token and the worker know, so it counts at
// every worker with the same tokens, after a restart too, and ends with the token.
type sessions struct {
	tokens func() Tokens
	secure bool // cookies for https only
	own    []byte
	now    func() time.Time

	mu    sync.Mutex
	ended map[string]time.Time // nonces of who signed out here, until their cookies end
}

func newSessions(tokens func() Tokens, secure bool, now func() time.Time) *sessions {
	own := []byte(rand.Text())
	return &sessions{tokens: tokens, secure: secure, own: own, now: now, ended: map[string]time.Time{}}
}

func (s *sessions) name() string {
	if s.secure {
		return "__Host-neverlapse"
	}
	return "neverlapse"
}

// key is what signs the cookies of a person's token; without tokens the process's own.
func (s *sessions) key(t token) []byte {
	if t.person == "" {
		return s.own
	}
	sum := sha256.Sum256(append([]byte("neverlapse page session\x00"), t.sum[:]...))
	return sum[:]
}

// begin starts a session and gives its cookie to the browser.
func (s *sessions) begin(w http.ResponseWriter, t token) session {
	in := session{person: t.person, nonce: rand.Text(), ends: s.now().Add(lasting).Truncate(time.Second), key: s.key(t)}
	payload := strings.Join([]string{in.person, strconv.FormatInt(in.ends.Unix(), 10), in.nonce, hex.EncodeToString(t.sum[:4])}, "|")
	value := base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + sign(in.key, payload)
	s.set(w, s.name(), value, int(lasting.Seconds()), true)
	return in
}

// of reads the session of a request.
func (s *sessions) of(r *http.Request) (session, bool) {
	c, err := r.Cookie(s.name())
	if err != nil {
		return session{}, false
	}
	encoded, mac, _ := strings.Cut(c.Value, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	f := strings.Split(string(payload), "|")
	if err != nil || len(f) != 4 {
		return session{}, false
	}
	ends, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || !s.now().Before(time.Unix(ends, 0)) || s.over(f[2]) {
		return session{}, false
	}
	tokens := s.tokens()
	for _, t := range append(slices.Clip(tokens), token{}) {
		if t.person != f[0] || len(tokens) > 0 == (t.person == "") || hex.EncodeToString(t.sum[:4]) != f[3] {
			continue
		}
		key := s.key(t)
		if subtle.ConstantTimeCompare([]byte(mac), []byte(sign(key, string(payload)))) == 1 {
			return session{person: f[0], nonce: f[2], ends: time.Unix(ends, 0), key: key}, true
		}
	}
	return session{}, false
}

// end makes the session's cookie worthless here, and takes it from the browser.
func (s *sessions) end(w http.ResponseWriter, in session) {
	s.mu.Lock()
	for nonce, ends := range s.ended {
		if !s.now().Before(ends) {
			delete(s.ended, nonce)
		}
	}
	s.ended[in.nonce] = in.ends
	s.mu.Unlock()
	s.set(w, s.name(), "", -1, true)
}

func (s *sessions) over(nonce string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ended[nonce]
	return ok
}

func (s *sessions) set(w http.ResponseWriter, name, value string, age int, hidden bool) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: hidden, Secure: s.secure, SameSite: http.SameSiteStrictMode})
}

func sign(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
