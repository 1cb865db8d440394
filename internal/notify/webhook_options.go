package notify

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// WebhookOptions configures a request to any server. URL, headers, body and
// reply are templates (text/template) over a WebhookData.
type WebhookOptions struct {
	Reaching          `mapstructure:",squash"`
	URL               string            `mapstructure:"url"`
	URLFile           string            `mapstructure:"url_file"` // of a URL that is a secret as a whole
	Method            string            `mapstructure:"method"`   // POST or PUT; default POST
	ContentType       string            `mapstructure:"content_type"`
	Headers           map[string]string `mapstructure:"headers"`
	Body              string            `mapstructure:"body"` // default: every fact as JSON
	SecretFiles       map[string]string `mapstructure:"secret_files"`
	SecretEnv         map[string]string `mapstructure:"secret_env"`
	SigningSecret     Secret            `mapstructure:"signing_secret"` // of the signature by Standard Webhooks
	SigningSecretFile string            `mapstructure:"signing_secret_file"`
	Insecure          bool              `mapstructure:"insecure"`   // http:// is allowed
	To                string            `mapstructure:"to"`         // email, phone or slack: whoever has that is reached
	Interrupts        bool              `mapstructure:"interrupts"` // it makes a telephone ring or buzz
	Phases            []string          `mapstructure:"phases"`     // beside firing; default resolved
	Reply             WebhookReply      `mapstructure:"reply"`
}

// WebhookReply reads an answer: templates over the JSON of its body.
type WebhookReply struct {
	OK    string `mapstructure:"ok"`    // must come to "true"; default: any 2xx will do
	ID    string `mapstructure:"id"`    // what the vendor calls the message
	Error string `mapstructure:"error"` // what is shown when it did not work
}

// webhookTo are the addresses of the directory that a webhook can send to, by
// the kind of channel they are kept under.
var webhookTo = map[string]string{"": "", "email": KindEmail, "phone": KindSMS, "slack": KindSlack}

// AddressOf is the kind of channel whose addresses of the directory it sends
// to; empty if only whoever lists the channel is reached.
func (o WebhookOptions) AddressOf() string { return webhookTo[o.To] }

// Validate checks what can be checked without secrets.
func (o WebhookOptions) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case o.URL != "" && o.URLFile != "":
		bad("url and url_file are both set; keep one")
	case o.URL == "" && o.URLFile == "":
		bad("url or url_file is required")
	}
	if o.Method != "" && o.Method != http.MethodPost && o.Method != http.MethodPut {
		bad("method %q is not known; use POST or PUT", o.Method)
	}
	if _, ok := webhookTo[o.To]; !ok {
		bad("to: %q is not known; use email, phone or slack, or leave it out", o.To)
	}
	for _, p := range o.Phases {
		if !slices.Contains(alert.Phases, alert.Phase(p)) {
			bad("phases: %q is not known; use changed, acknowledged, snoozed, resolved", p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) || name == "" {
			bad("headers: %q is not a name of a header", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.SecretFiles)) {
		if o.SecretEnv[name] != "" {
			bad("secret_files.%s: stands in secret_env, too; keep one", name)
		}
	}
	errs = append(errs, o.Reaching.validate(), checkSecret("signing_secret", o.SigningSecret, o.SigningSecretFile, false))
	return named(KindWebhook, errs...)
}

// secret reads one that templates may use. It is read anew each time, so that a
// token that something else renews counts without a restart.
func (o WebhookOptions) secret(name string) (string, error) {
	if file, ok := o.SecretFiles[name]; ok {
		s, err := readSecret("secret", "", file)
		if err != nil {
			err = fmt.Errorf("secret_files.%s: %s", name, strings.TrimPrefix(err.Error(), "secret_file: "))
		}
		return s, err
	}
	variable, ok := o.SecretEnv[name]
	if !ok {
		return "", fmt.Errorf("no secret is called %q; add it under secret_files or secret_env", name)
	}
	if s := os.Getenv(variable); s != "" {
		return s, nil
	}
	return "", fmt.Errorf("secret_env.%s: the environment variable %s is not set", name, variable)
}

// secrets are all of them, as they are now.
func (o WebhookOptions) secrets() (all []string, err error) {
	var errs []error
	for _, names := range []map[string]string{o.SecretFiles, o.SecretEnv} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			s, err := o.secret(name)
			all, errs = append(all, s), append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// checkURL holds an address to what may be asked. The address itself is never
// shown, it may hold a secret.
func checkURL(option, address string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%s is not an https URL", option)
	case u.User != nil:
		return nil, fmt.Errorf("%s has a user name before its host; write it as a header", option)
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%s is not encrypted (http://%s); write https, or insecure: true if nobody can listen in between", option, u.Host)
	}
	return u, nil
}
