package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// SlackOptions configures a Slack app, whose settings SlackManifest gives. With
// an app-level token clicks come over connections that are opened from here
// (Socket Mode), with a signing secret by HTTP; with neither there are no buttons.
type SlackOptions struct {
	Token             Secret        `mapstructure:"token"` // bot token, xoxb-...
	TokenFile         string        `mapstructure:"token_file"`
	AppToken          Secret        `mapstructure:"app_token"` // app-level token, xapp-...
	AppTokenFile      string        `mapstructure:"app_token_file"`
	SigningSecret     Secret        `mapstructure:"signing_secret"` // proves that a click by HTTP comes from Slack
	SigningSecretFile string        `mapstructure:"signing_secret_file"`
	APIURL            string        `mapstructure:"api_url"`   // default https://slack.com/api/
	RootFile          string        `mapstructure:"root_file"` // PEM of roots to trust beside the system's
	Timeout           time.Duration `mapstructure:"timeout"`   // of one request; default 10s
}

const slackAPI = "https://slack.com/api/"

var (
	slackUser    = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)
	slackChannel = regexp.MustCompile(`^[CGD][A-Z0-9]{2,30}$`)
)

// Validate checks what can be checked without dialling.
func (o SlackOptions) Validate() error {
	var errs []error
	errs = append(errs, checkSecret("token", o.Token, o.TokenFile, true))
	errs = append(errs, checkSecret("app_token", o.AppToken, o.AppTokenFile, false))
	errs = append(errs, checkSecret("signing_secret", o.SigningSecret, o.SigningSecretFile, false))
	if o.APIURL != "" {
		if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			errs = append(errs, fmt.Errorf("api_url %q is not an http(s) URL", o.APIURL))
		}
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout %v is negative", o.Timeout))
	}
	return named(KindSlack, errs...)
}

// Socket reports whether clicks come by Socket Mode.
func (o SlackOptions) Socket() bool { return o.AppToken != "" || o.AppTokenFile != "" }

// HTTP reports whether clicks may come by HTTP.
func (o SlackOptions) HTTP() bool { return o.SigningSecret != "" || o.SigningSecretFile != "" }

// Buttons reports whether clicks have a way back; messages carry none otherwise.
func (o SlackOptions) Buttons() bool { return o.Socket() || o.HTTP() }

// ReadSigningSecret gives the signing secret, which the web handler of clicks
// needs; empty if none is configured.
func (o SlackOptions) ReadSigningSecret() (string, error) {
	tokens, err := o.read()
	return tokens.signing, named(KindSlack, err)
}

// HTTPClient reaches Slack as the channel itself does, for words to people who
// clicked.
func (o SlackOptions) HTTPClient() (*http.Client, error) {
	c, err := o.client()
	if err != nil {
		return nil, named(KindSlack, err)
	}
	return &c.Client, nil
}

// tokens are the secrets of an app; what is not configured is empty.
type tokens struct{ bot, app, signing string }

// read gives the secrets, each of the right kind.
func (o SlackOptions) read() (t tokens, err error) {
	if err := o.Validate(); err != nil {
		return t, err
	}
	errs := make([]error, 3)
	if t.bot, errs[0] = readSecret("token", o.Token, o.TokenFile); errs[0] == nil {
		errs[0] = checkBotToken(t.bot)
	}
	if t.app, errs[1] = readSecret("app_token", o.AppToken, o.AppTokenFile); errs[1] == nil && o.Socket() {
		errs[1] = checkAppToken(t.app)
	}
	if t.signing, errs[2] = readSecret("signing_secret", o.SigningSecret, o.SigningSecretFile); errs[2] == nil {
		errs[2] = checkSigningSecret(t.signing)
	}
	return t, errors.Join(errs...)
}

func (o SlackOptions) client() (*httpClient, error) {
	roots, err := outgoing.Also(o.RootFile)
	if err != nil {
		return nil, fmt.Errorf("root_file: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return newHTTPClient(outgoing.Transport(roots), o.Timeout), nil
}

// api is the URL that method names are appended to.
func (o SlackOptions) api() string {
	if o.APIURL == "" {
		return slackAPI
	}
	return strings.TrimSuffix(o.APIURL, "/") + "/"
}

func (o SlackOptions) apiOptions(c *httpClient) []slack.Option {
	return []slack.Option{slack.OptionHTTPClient(slackHTTP{c}), slack.OptionAPIURL(o.api())}
}
