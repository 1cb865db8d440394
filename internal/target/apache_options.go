package target

import (
	"errors"
	"fmt"
	"regexp"
)

// ApacheOptions are the options of the kind apache.
type ApacheOptions struct {
	Files  `mapstructure:",squash"`
	Binary string `mapstructure:"binary"` // default apache2ctl where it is installed, else httpd
	Config string `mapstructure:"config"` // -f; default as built in
	// ServerRoot is -d; default as built in.
	ServerRoot string `mapstructure:"server_root"`
	// Define are names or NAME=VALUE for -D.
	Define []string `mapstructure:"define"`
	// Start starts it where it died; default <binary> -k start.
	Start []string `mapstructure:"start"`
}

func (o ApacheOptions) binary() string {
	if o.Binary != "" {
		return o.Binary
	}
	// Debian's own configuration needs the environment that apache2ctl sets.
	if _, err := findProgram("apache2ctl"); err == nil {
		return "apache2ctl"
	}
	return "httpd"
}

var definable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*(=.*)?$`)

// Validate tells everything that is wrong with the options, each with its field.
func (o ApacheOptions) Validate() error {
	errs := []error{o.Files.Validate(), validateCommand("binary", []string{o.binary()})}
	for _, p := range []struct{ field, path string }{{"config", o.Config}, {"server_root", o.ServerRoot}} {
		if p.path != "" {
			errs = append(errs, validatePath(p.field, p.path))
		}
	}
	for i, d := range o.Define {
		field := fmt.Sprintf("define[%d]", i)
		if err := validateText(field, d); err != nil {
			errs = append(errs, err)
		} else if !definable.MatchString(d) {
			errs = append(errs, fmt.Errorf("%s: %q is not a name, or NAME=VALUE, that Apache could define", field, d))
		}
	}
	if o.Start != nil {
		errs = append(errs, validateCommand("start", o.Start))
	}
	return errors.Join(errs...)
}
