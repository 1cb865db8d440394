package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// session is what a login gave; empty where a token is configured.
type session struct {
	mu    sync.Mutex
	token string
	until time.Time // zero: until it is refused
}

// ask sends one request; doing says for messages what it is for. A token of a
// login that is refused is replaced once.
func (t *Target) ask(ctx context.Context, doing, method, path string, body, out any) error {
	token, fresh, err := t.token(ctx)
	if err != nil {
		return err
	}
	err = t.send(ctx, doing, method, path, token, body, out)
	if !denied(err) || fresh {
		return err
	}
	t.session.forget(token)
	if token, _, err = t.token(ctx); err != nil {
		return err
	}
	return t.send(ctx, doing, method, path, token, body, out)
}

// token gives the one to use. fresh means that no newer one can be had.
func (t *Target) token(ctx context.Context) (token string, fresh bool, err error) {
	if t.options.RoleID == "" {
		token, err = t.options.token()
		return token, true, err
	}
	s := &t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && (s.until.IsZero() || time.Now().Before(s.until)) {
		return s.token, false, nil
	}
	secretID, err := t.options.secretID()
	if err != nil {
		return "", true, err
	}
	var out struct {
		Auth struct {
			Token string `json:"client_token"`
			Lease int    `json:"lease_duration"` // seconds; 0: it does not end
		} `json:"auth"`
	}
	body := map[string]string{"role_id": t.options.RoleID, "secret_id": secretID}
	if err := t.send(ctx, login, http.MethodPost, joined("auth", t.options.AuthMount, "login"), "", body, &out); err != nil {
		return "", true, err
	}
	s.token, s.until = out.Auth.Token, time.Time{}
	if out.Auth.Lease > 0 { // it is not used in its last tenth, in which it could end under way
		s.until = time.Now().Add(time.Duration(out.Auth.Lease) * time.Second * 9 / 10)
	}
	return s.token, true, nil
}

func (s *session) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

// maxAnswer bounds an answer; Vault takes no request above 32 MiB.
const maxAnswer = 32 << 20

// send sends one request, once, and gives an error its kind. The body of an
// answer is decoded also where it is an error: a deleted secret has metadata.
func (t *Target) send(ctx context.Context, doing, method, path, token string, body, out any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	req, err := http.NewRequestWithContext(ctx, method, t.options.Address+"/v1/"+strings.Join(segments, "/"), nil)
	if err != nil {
		return err
	}
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{"X-Vault-Token": token, "X-Vault-Namespace": t.options.Namespace, "X-Vault-Request": "true"} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return unreached(err, doing)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unreached(err, doing)
	}
	if out != nil && len(data) > 0 && json.Unmarshal(data, out) != nil && resp.StatusCode < http.StatusBadRequest {
		return unreached(errNoVault, doing)
	}
	return explained(resp, data, doing)
}

var (
	errNoVault  = errors.New("what answers is no Vault: it sent no JSON; correct address")
	errRedirect = errors.New("it points to an address without TLS, and a private key would go there in the open")
)

// redirect follows a standby to the active server, never out of TLS.
func redirect(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; req.URL.Scheme != "https" && (first.Scheme == "https" || req.URL.Host != first.Host) {
		return errRedirect
	}
	if len(via) > 2 {
		return errors.New("it points from one server to the next without end")
	}
	return nil
}
