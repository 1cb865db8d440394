package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
	"github.com/go-acme/lego/v4/certcrypto"
	"github.com/go-acme/lego/v4/certificate"
	"github.com/go-acme/lego/v4/challenge/http01"
	"github.com/go-acme/lego/v4/lego"
	legolog "github.com/go-acme/lego/v4/log"
	"github.com/go-acme/lego/v4/registration"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func init() { legolog.Logger = log.New(io.Discard, "", 0) }

// answers serves the challenges of all orders of one client.
type answers struct {
	mu     sync.Mutex
	tokens map[string]string
	server *http.Server
}

func serve(port int) (*answers, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	a := &answers{tokens: map[string]string{}}
	a.server = &http.Server{Handler: a}
	go func() { _ = a.server.Serve(l) }()
	return a, nil
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = io.WriteString(w, a.tokens[strings.TrimPrefix(r.URL.Path, http01.ChallengePath(""))])
}

func (a *answers) close() { _ = a.server.Close() }

// Present and CleanUp make it a provider of lego's.
func (a *answers) Present(_, token, answer string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[token] = answer
	return nil
}

// CleanUp forgets an answer.
func (a *answers) CleanUp(_, token, _ string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tokens, token)
	return nil
}

// user is an account of lego's.
type user struct {
	key crypto.PrivateKey
	reg *registration.Resource
}

func (u *user) GetEmail() string                        { return "bench@example.com" }
func (u *user) GetRegistration() *registration.Resource { return u.reg }
func (u *user) GetPrivateKey() crypto.PrivateKey        { return u.key }

func (w *world) client() (*lego.Client, *user, error) {
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		return nil, nil, err
	}
	u := &user{key: key}
	c := lego.NewConfig(u)
	c.CADirURL, c.Certificate.KeyType, c.HTTPClient = w.CA.Directory(), certcrypto.EC256, w.httpClient()
	client, err := lego.NewClient(c)
	if err != nil {
		return nil, nil, err
	}
	u.reg, err = client.Registration.Register(registration.RegisterOptions{TermsOfServiceAgreed: true})
	return client, u, err
}

func (w *world) httpClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = tlsConfig(w.CA.TLSRoot())
	t.MaxIdleConnsPerHost = w.concurrency
	return &http.Client{Transport: t, Timeout: time.Minute}
}

// obtain is lego as its documentation shows it.
func obtain(_ context.Context, w *world) (func(int) (time.Duration, error), func(), error) {
	a, err := serve(w.port)
	if err != nil {
		return nil, nil, err
	}
	client, _, err := w.client()
	if err == nil {
		err = client.Challenge.SetHTTP01Provider(a)
	}
	return timed(func(i int) error {
		_, err := client.Certificate.Obtain(certificate.ObtainRequest{Domains: []string{fmt.Sprintf("lego-%d.test", i)}, Bundle: true, Profile: "default"})
		return err
	}), a.close, err
}

// bare is the protocol and nothing else: seven requests, polled at once.
func bare(_ context.Context, w *world) (func(int) (time.Duration, error), func(), error) {
	a, err := serve(w.port)
	if err != nil {
		return nil, nil, err
	}
	_, u, err := w.client()
	if err != nil {
		return nil, nil, err
	}
	core, err := api.New(w.httpClient(), "bench", w.CA.Directory(), u.reg.URI, u.key)
	return timed(func(i int) error { return issue(core, a, fmt.Sprintf("bare-%d.test", i)) }), a.close, err
}

func issue(core *api.Core, a *answers, name string) error {
	order, err := core.Orders.NewWithOptions([]string{name}, &api.OrderOptions{Profile: "default"})
	if err != nil {
		return err
	}
	authz, err := core.Authorizations.Get(order.Authorizations[0])
	if err != nil {
		return err
	}
	for _, ch := range authz.Challenges {
		if ch.Type != "http-01" {
			continue
		}
		answer, err := core.GetKeyAuthorization(ch.Token)
		if err != nil {
			return err
		}
		_ = a.Present("", ch.Token, answer)
		if _, err := core.Challenges.New(ch.URL); err != nil {
			return err
		}
	}
	if err := poll(func() (string, error) {
		got, err := core.Authorizations.Get(order.Authorizations[0])
		return got.Status, err
	}); err != nil {
		return err
	}
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		return err
	}
	csr, err := certcrypto.CreateCSR(key, certcrypto.CSROptions{Domain: name, SAN: []string{name}})
	if err != nil {
		return err
	}
	if _, err := core.Orders.UpdateForCSR(order.Finalize, csr); err != nil {
		return err
	}
	var done acme.ExtendedOrder
	if err := poll(func() (string, error) {
		done, err = core.Orders.Get(order.Location)
		return done.Status, err
	}); err != nil {
		return err
	}
	chain, _, err := core.Certificates.Get(done.Certificate, true)
	if err == nil && len(chain) == 0 {
		err = errors.New("no chain")
	}
	return err
}

func poll(status func() (string, error)) error {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		s, err := status()
		switch {
		case err != nil:
			return err
		case s == acme.StatusValid:
			return nil
		case s == acme.StatusInvalid:
			return errors.New("invalid")
		}
		time.Sleep(pause)
	}
}

func pool(pem []byte) *x509.CertPool {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		fmt.Fprintln(os.Stderr, "bench: Pebble has no root")
	}
	return p
}
