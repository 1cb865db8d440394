package acme

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// How to find out that an answer can be seen before the CA is asked to look.
const (
	Authoritative = "authoritative" // every name server of the zone shows it
	Nameservers   = "nameservers"   // each of DNSOptions.Nameservers shows it
	Unchecked     = "none"          // only PropagationWait
)

// DNSOptions configure one DNS provider.
type DNSOptions struct {
	// Settings are the provider's variables as lego names them, in any case.
	// Secrets are taken from files (NAME_FILE) or from the worker's environment.
	Settings map[string]string `mapstructure:"settings"`
	// Propagation is Authoritative (when empty), Nameservers or Unchecked.
	Propagation string `mapstructure:"propagation"`
	// Nameservers (host or host:port) to ask for the answer.
	Nameservers []string `mapstructure:"nameservers"`
	// PropagationTimeout is how long to wait until the answer can be seen; when
	// zero what lego knows of the provider.
	PropagationTimeout time.Duration `mapstructure:"propagation_timeout"`
	// PropagationInterval is the pause between two looks; when zero what lego
	// knows of the provider, at most 5 s.
	PropagationInterval time.Duration `mapstructure:"propagation_interval"`
	// PropagationWait passes before the first look, for providers whose servers
	// show an answer here sooner than there.
	PropagationWait time.Duration `mapstructure:"propagation_wait"`
}

// secretName tells names of variables that hold secrets from others.
var secretName = regexp.MustCompile(`(TOKEN|SECRET|PASSWORD|PASSWD|PASS|HMAC|KEY|CREDENTIALS)$`)

// noSecrets are names that only look so.
var noSecrets = []string{"RFC2136_TSIG_KEY", "DNSUPDATE_TSIG_KEY"}

func isSecret(name string) bool {
	return secretName.MatchString(name) && !slices.Contains(noSecrets, name)
}

// Validate names every wrong field and how to mend it.
func (o DNSOptions) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for key := range o.Settings {
		if name := strings.ToUpper(key); isSecret(name) {
			bad("settings.%s: is a secret; write it into a file and name that as %s_FILE, or put it into the worker's environment", name, name)
		}
	}
	switch o.Propagation {
	case "", Authoritative, Unchecked:
		if len(o.Nameservers) > 0 {
			bad("nameservers: has no effect unless propagation is %q", Nameservers)
		}
	case Nameservers:
		if len(o.Nameservers) == 0 {
			bad("nameservers: is missing; write the servers (host:port) to ask for the answer")
		}
	default:
		bad("propagation: %q is not known; use one of %s, %s, %s", o.Propagation, Authoritative, Nameservers, Unchecked)
	}
	for _, s := range o.Nameservers {
		if host, _, err := net.SplitHostPort(s); strings.ContainsAny(s, " /") || s == "" || err == nil && host == "" {
			bad("nameservers: %q is no server; write host or host:port", s)
		}
	}
	for name, d := range map[string]time.Duration{"propagation_timeout": o.PropagationTimeout, "propagation_interval": o.PropagationInterval, "propagation_wait": o.PropagationWait} {
		if d < 0 {
			bad("%s: %s is negative; write a duration such as 30s", name, d)
		}
	}
	return errors.Join(errs...)
}

// environment is changed by one provider at a time.
var environment sync.Mutex

// within runs build with the settings in the environment, where lego looks for
// them, and puts back what was there. It gives the secrets that build may read.
func (o DNSOptions) within(build func(secrets []string) error) error {
	environment.Lock()
	defer environment.Unlock()
	var secrets []string
	for key, value := range o.Settings {
		name := strings.ToUpper(key)
		if base, isFile := strings.CutSuffix(name, "_FILE"); isFile && isSecret(base) {
			secret, err := readSecret("settings."+name, value)
			if err != nil {
				return err
			}
			secrets = append(secrets, secret)
			defer setting(base, "")() // lego prefers it to the file
		}
		defer setting(name, value)()
	}
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); isSecret(name) && len(value) >= 8 {
			secrets = append(secrets, value)
		}
	}
	return build(secrets)
}

// setting sets a variable, or unsets it when value is empty, until restored.
func setting(name, value string) (restore func()) {
	old, had := os.LookupEnv(name)
	if value == "" {
		_ = os.Unsetenv(name)
	} else {
		_ = os.Setenv(name, value)
	}
	return func() {
		if had {
			_ = os.Setenv(name, old)
		} else {
			_ = os.Unsetenv(name)
		}
	}
}
