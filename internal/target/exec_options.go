package target

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ExecOptions are the options of the kind exec. Programs are argument lists,
// never run by a shell; docs/exec.md says what each is given and what its exit
// status means.
type ExecOptions struct {
	// Place names what the programs write to, in the operator's words; two
	// targets of one host with the same place exclude each other.
	Place string `mapstructure:"place"`
	// Install puts the pair there and makes it used. Current prints the
	// certificate that is there.
	Install []string `mapstructure:"install"`
	Current []string `mapstructure:"current"`
	// Capture copies what is there into a folder, and Restore puts that back. Both
	// or neither; without them the target is irreversible.
	Capture []string `mapstructure:"capture"`
	Restore []string `mapstructure:"restore"`
	// Check looks whether the configuration is sound before anything is changed,
	// and Verify whether the pair is used afterwards; empty means neither.
	Check  []string `mapstructure:"check"`
	Verify []string `mapstructure:"verify"`
	// Env is given to every program as it is; PassEnv names variables of the
	// worker that are passed on.
	Env     map[string]string `mapstructure:"env"`
	PassEnv []string          `mapstructure:"pass_env"`
	// PKCS12 and JKS are names of files beside the PEM files.
	Keystores `mapstructure:",squash"`
	// Timeout bounds each program; 0 means one minute.
	Timeout time.Duration `mapstructure:"timeout"`
	// Lock is a folder; targets with the same one take turns. Empty means /, and
	// with it every exec target of the host.
	Lock string `mapstructure:"lock"`
	// Scratch is where the private folder of a run is made; empty means /dev/shm
	// where there is one, else the folder for temporary files.
	Scratch string `mapstructure:"scratch"`
}

const (
	defaultExecTimeout = time.Minute
	// maxExecTimeout leaves room for putting back within one deployment.
	maxExecTimeout = 2 * time.Minute
	maxPlace       = 300
)

// reserved are variables that the contract sets.
var reserved = []string{"PATH", "LANG", "HOME", "TMPDIR"}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate tells everything that is wrong with the options, each with its field.
func (o ExecOptions) Validate() error {
	errs := []error{o.validatePlace(), o.Keystores.validate()}
	for _, v := range o.programs() {
		switch {
		case v.argv != nil:
			errs = append(errs, validateCommand(v.name, v.argv))
		case v.name == verbInstall:
			errs = append(errs, errors.New("install: is missing; it is the program that puts the pair in its place"))
		case v.name == verbCurrent:
			errs = append(errs, errors.New("current: is missing; it is the program that prints the certificate that is there"))
		case v.name == verbCapture && o.Restore != nil, v.name == verbRestore && o.Capture != nil:
			errs = append(errs, fmt.Errorf("%s: is missing; capture and restore together are the way back to what was there before: set both, or neither where there is none", v.name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		errs = append(errs, validateVariable("env", name))
		if strings.ContainsRune(o.Env[name], 0) {
			errs = append(errs, fmt.Errorf("env: %s holds a NUL byte; remove it", name))
		}
	}
	for _, name := range o.PassEnv {
		err := validateVariable("pass_env", name)
		if _, set := os.LookupEnv(name); err == nil && !set {
			err = fmt.Errorf("pass_env: %s is not set in the environment of the worker; set it there, or remove it here", name)
		}
		if _, twice := o.Env[name]; err == nil && twice {
			err = fmt.Errorf("pass_env: %s is in env as well; remove one of them", name)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, o.validateFolders())...)
}

func (o ExecOptions) validatePlace() error {
	if strings.TrimSpace(o.Place) == "" {
		return errors.New("place: is missing; name what the programs write to, such as f5:lb1.example.com/Common/shop")
	}
	if len(o.Place) > maxPlace {
		return fmt.Errorf("place: %d bytes are too many; use at most %d", len(o.Place), maxPlace)
	}
	return validateText("place", o.Place)
}

func validateVariable(field, name string) error {
	switch {
	case !variable.MatchString(name):
		return fmt.Errorf("%s: %q is not the name of a variable; use letters, digits and _", field, name)
	case slices.Contains(reserved, name) || strings.HasPrefix(name, "NEVERLAPSE_"):
		return fmt.Errorf("%s: %s is set by Neverlapse; choose another name", field, name)
	}
	return nil
}

func (o ExecOptions) validateFolders() error {
	var errs []error
	seen := slices.Clone(pemNames)
	for _, k := range []struct{ field, name string }{{"pkcs12", o.PKCS12}, {"jks", o.JKS}} {
		if k.name == "" {
			continue
		}
		if err := validateText(k.field, k.name); err != nil {
			errs = append(errs, err)
		} else if filepath.Base(k.name) != k.name || strings.HasPrefix(k.name, ".") || slices.Contains(seen, k.name) {
			errs = append(errs, fmt.Errorf("%s: %q is not the name of a file of its own beside %s; write one such as bundle.p12, without a path", k.field, k.name, strings.Join(seen, ", ")))
		} else {
			errs = append(errs, validateLength(k.field, k.name))
		}
		seen = append(seen, k.name)
	}
	if o.Lock != "" && o.Lock != "/" {
		errs = append(errs, validatePath("lock", o.Lock))
	}
	if o.Scratch != "" {
		errs = append(errs, validatePath("scratch", o.Scratch))
	}
	if o.Timeout < 0 || o.Timeout > maxExecTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s; a whole deployment has three minutes, and putting back is part of it", o.Timeout, maxExecTimeout))
	}
	return errors.Join(errs...)
}

func (o ExecOptions) timeout() time.Duration {
	if o.Timeout == 0 {
		return defaultExecTimeout
	}
	return o.Timeout
}

func (o ExecOptions) lock() string {
	if o.Lock == "" {
		return "/"
	}
	return o.Lock
}

// program is a verb with what is run for it.
type program struct {
	name string
	argv []string
}

func (o ExecOptions) programs() []program {
	return []program{{verbInstall, o.Install}, {verbCurrent, o.Current}, {verbCapture, o.Capture}, {verbRestore, o.Restore}, {verbCheck, o.Check}, {verbVerify, o.Verify}}
}

func (o ExecOptions) argv(verb string) []string {
	for _, p := range o.programs() {
		if p.name == verb {
			return p.argv
		}
	}
	return nil
}
