// Package vaultapi speaks the HTTP API of HashiCorp Vault and of OpenBao: it logs
// in, asks, and gives each refusal its kind. The target of that kind calls it, and
// the keeper that wraps keys of the store. It knows no secrets engine.
package vaultapi

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

// Client asks one Vault, as one identity. It may be used by any number of goroutines.
type Client struct {
	access  Access
	rights  string
	http    *http.Client
	session session
}

// New reads the file of the CA and dials nobody. rights says for messages where
// the policy is described that the token needs.
func New(a Access, rights string) (*Client, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	a = a.WithDefaults()
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	return &Client{access: a, rights: rights, http: client}, nil
}

// session is what a login gave; empty where a token is configured.
type session struct {
	mu    sync.Mutex
	token string
	until time.Time // zero: until it is refused
}

// Ask sends one request; doing says for messages what it is for. A token of a
// login that is refused is replaced once.
func (c *Client) Ask(ctx context.Context, doing, method, path string, body, out any) error {
	token, fresh, err := c.token(ctx)
	if err != nil {
		return err
	}
	err = c.send(ctx, doing, method, path, token, body, out)
	if !Denied(err) || fresh {
		return err
	}
	c.session.forget(token)
	if token, _, err = c.token(ctx); err != nil {
		return err
	}
	return c.send(ctx, doing, method, path, token, body, out)
}

// token gives the one to use. fresh means that no newer one can be had.
func (c *Client) token(ctx context.Context) (token string, fresh bool, err error) {
	if c.access.RoleID == "" {
		token, err = c.access.token()
		return token, true, err
	}
	s := &c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && (s.until.IsZero() || time.Now().Before(s.until)) {
		return s.token, false, nil
	}
	secretID, err := c.access.secretID()
	if err != nil {
		return "", true, err
	}
	var out struct {
		Auth struct {
			Token string `json:"client_token"`
			Lease int    `json:"lease_duration"` // seconds; 0: it does not end
		} `json:"auth"`
	}
	body := map[string]string{"role_id": c.access.RoleID, "secret_id": secretID}
	if err := c.send(ctx, login, http.MethodPost, Joined("auth", c.access.AuthMount, "login"), "", body, &out); err != nil {
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
func (c *Client) send(ctx context.Context, doing, method, path, token string, body, out any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	req, err := http.NewRequestWithContext(ctx, method, c.access.Address+"/v1/"+strings.Join(segments, "/"), nil)
	if err != nil {
		return err
	}
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{"X-Vault-Token": token, "X-Vault-Namespace": c.access.Namespace, "X-Vault-Request": "true"} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := c.http.Do(req)
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
	return explained(resp, data, doing, c.rights)
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
