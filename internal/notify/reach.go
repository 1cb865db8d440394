package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// untried is what a connection says nothing about.
const untried = "whether it takes messages shows only when one is sent"

// Reach connects to the mail server and logs in; it names neither sender nor
// recipient.
func (e *Email) Reach(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	client, closed, err := e.client(ctx)
	if err != nil {
		return "", fault.New(fault.Configuration, "mail server %s: %w", e.server(), err)
	}
	defer closed()
	if err := client.DialWithContext(ctx); err != nil {
		return "", e.fault(ctx, err)
	}
	_ = client.Close() // what goes wrong after the login is of no interest
	if e.o.Username == "" {
		return fmt.Sprintf("mail server %s greets; no login is configured", e.server()), nil
	}
	return fmt.Sprintf("mail server %s takes the login of %q", e.server(), e.o.Username), nil
}

// Reach asks Slack whom the bot token belongs to, and holds its scopes against
// those that are needed.
func (s *Slack) Reach(ctx context.Context) (string, error) {
	id, err := s.Identify(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("bot %s in workspace %s", id.Bot, id.Workspace), id.Sufficient()
}

// Sufficient tells which scopes the bot token lacks, and how it gets them.
func (id SlackIdentity) Sufficient() error {
	missing := id.Missing()
	if len(missing) == 0 {
		return nil
	}
	return fault.New(fault.Configuration, "slack: missing_scope: the bot token lacks %s; on the app's page, under OAuth & Permissions, add it to the bot token's scopes, reinstall the app and copy the bot token again (neverlapse slack manifest has all of them)", strings.Join(missing, ", "))
}

// Reach connects to the server of the workflow. It does not call the workflow's
// address: that would start it.
func (t *Teams) Reach(ctx context.Context) (string, error) { return t.caller.greet(ctx, t.url) }

// Reach connects to PagerDuty: an integration key cannot be tried without an event.
func (p *PagerDuty) Reach(ctx context.Context) (string, error) { return p.caller.greet(ctx, p.url) }

// Reach connects to where the webhook leads.
func (w *Webhook) Reach(ctx context.Context) (string, error) { return w.caller.greet(ctx, w.host) }

// Reach tells that this service cannot be asked without sending: the library only sends.
func (s *Shoutrrr) Reach(context.Context) (string, error) {
	return s.service + ": not asked; " + untried, nil
}

// Reach finds the terminal where it is.
func (c *Console) Reach(context.Context) (string, error) {
	return "it is what the worker writes itself", nil
}

// Reach asks every Alertmanager of the cluster for its status, with our login.
func (a *Alertmanager) Reach(ctx context.Context) (string, error) {
	var errs []error
	for _, base := range a.o.URLs {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/api/v2/status", nil)
		if err != nil {
			return "", fault.New(fault.Configuration, "%s: the address is not a URL", KindAlertmanager)
		}
		a.login(req)
		r, err := a.caller.call(req)
		if err == nil && !r.ok() {
			err = a.caller.refusal(r, "", "does urls lead to Alertmanager's API v2, and is the login right?")
		}
		errs = append(errs, err)
	}
	return fmt.Sprintf("%d Alertmanagers answer", len(a.o.URLs)), errors.Join(errs...)
}

// Reach asks the provider about our account; no message is sent.
func (s *SMS) Reach(ctx context.Context) (string, error) { return s.provider.reach(ctx, s.caller) }

func (t *twilio) reach(ctx context.Context, c *caller) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.url, "/Messages.json")+".json", nil)
	if err != nil {
		return "", fault.New(fault.Configuration, "%s: twilio.url is not a URL", KindSMS)
	}
	req.SetBasicAuth(t.o.AccountSID, t.token)
	r, err := c.call(req)
	if err != nil {
		return "", err
	}
	var said struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(r.body, &said) // what is no JSON says nothing
	switch {
	case !r.ok():
		return "", c.refusal(r, said.Message, "check account_sid and auth_token")
	case said.Status != "active":
		return "", fault.New(fault.Configuration, "%s: Twilio has our account as %q; see its console", KindSMS, c.redact(said.Status))
	}
	return "Twilio takes the login, and the account is active", nil
}

func (s *sns) reach(ctx context.Context, c *caller) (string, error) {
	r, err := s.call(ctx, c, url.Values{"Action": {"GetSMSAttributes"}, "Version": {"2010-03-31"}})
	if err != nil {
		return "", err
	}
	var said struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	_ = xml.Unmarshal(r.body, &said) // what is no XML says nothing
	switch {
	case r.ok():
		return "SNS takes the access key", nil
	case said.Code == "AuthorizationError" || said.Code == "AccessDenied": // it may publish all the same
		return "SNS takes the access key, which may not ask for more (sns:GetSMSAttributes); " + untried, nil
	}
	return "", c.refusal(r, strings.Trim(said.Code+": "+said.Message, ": "), "check region and access key")
}

// call sends a signed request of the Query protocol.
func (s *sns) call(ctx context.Context, c *caller, form url.Values) (reply, error) {
	encoded := form.Encode()
	req, err := post(ctx, http.MethodPost, s.url, "application/x-www-form-urlencoded; charset=utf-8", []byte(encoded))
	if err != nil {
		return reply{}, err
	}
	sum := sha256.Sum256([]byte(encoded))
	if err := s.signer.SignHTTP(ctx, s.credentials, req, hex.EncodeToString(sum[:]), "sns", s.o.Region, time.Now()); err != nil {
		return reply{}, fault.New(fault.Configuration, "%s: sign the request to SNS: %s", KindSMS, c.redact(err.Error()))
	}
	return c.call(req)
}

// greet asks for nothing in particular of the server that an address leads to: that
// it answers is all that counts, whatever it answers.
func (c *caller) greet(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fault.New(fault.Configuration, "%s: the address is not a URL", c.kind)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return "", fault.New(fault.Configuration, "%s: the address is not a URL", c.kind)
	}
	req.Header.Set("User-Agent", "neverlapse")
	r, err := c.call(req)
	return fmt.Sprintf("%s answers; %s", r.server, untried), err
}
