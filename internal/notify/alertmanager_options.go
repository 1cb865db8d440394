package notify

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// holdAlert is how long an alert lives there without a word from us.
const holdAlert = 30 * 24 * time.Hour

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// AlertmanagerOptions configures the Alertmanagers of one cluster. An alert is
// sent with the end of its life, so that it does not resolve itself in between.
type AlertmanagerOptions struct {
	Reaching        `mapstructure:",squash"`
	URLs            []string          `mapstructure:"urls"`   // of every member, up to where /api/v2 begins
	Labels          map[string]string `mapstructure:"labels"` // added to each alert, for routes
	Hold            time.Duration     `mapstructure:"hold"`   // until an alert that is not sent again resolves itself; default 30d
	Username        string            `mapstructure:"username"`
	Password        Secret            `mapstructure:"password"`
	PasswordFile    string            `mapstructure:"password_file"`
	BearerToken     Secret            `mapstructure:"bearer_token"`
	BearerTokenFile string            `mapstructure:"bearer_token_file"`
	Insecure        bool              `mapstructure:"insecure"` // http:// is allowed
}

// Validate checks what can be checked without dialling.
func (o AlertmanagerOptions) Validate() error {
	errs := []error{o.Reaching.validate(), checkSecret("password", o.Password, o.PasswordFile, o.Username != ""), checkSecret("bearer_token", o.BearerToken, o.BearerTokenFile, false)}
	if len(o.URLs) == 0 {
		errs = append(errs, errors.New("urls is required: the address of each Alertmanager of the cluster"))
	}
	for i, u := range o.URLs {
		_, err := checkURL(fmt.Sprintf("urls[%d]", i), u, o.Insecure)
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Labels)) {
		if !labelName.MatchString(name) || o.Labels[name] == "" {
			errs = append(errs, fmt.Errorf("labels.%s: is not a name of a label with a value", name))
		}
	}
	if o.Hold < 0 || o.Hold > 0 && o.Hold < time.Hour {
		errs = append(errs, fmt.Errorf("hold %v is shorter than an hour; alerts would resolve themselves between two steps", o.Hold))
	}
	if o.Username != "" && (o.BearerToken != "" || o.BearerTokenFile != "") {
		errs = append(errs, errors.New("username and bearer_token exclude each other"))
	}
	return named(KindAlertmanager, errs...)
}
