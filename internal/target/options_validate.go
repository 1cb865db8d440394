package target

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

// Validate tells everything that is wrong with the options, each with its field.
func (o FileOptions) Validate() error {
	errs := []error{o.Files.Validate()}
	if o.Check != nil {
		errs = append(errs, validateCommand("check", o.Check))
	}
	if o.Reload != nil {
		errs = append(errs, validateCommand("reload", o.Reload))
	}
	return errors.Join(errs...)
}

// Validate tells everything that is wrong with the options, each with its field.
func (o NginxOptions) Validate() error {
	errs := []error{o.Files.Validate(), validateCommand("binary", []string{o.binary()})}
	for _, p := range []struct{ field, path string }{{"config", o.Config}, {"prefix", o.Prefix}, {"error_log", o.ErrorLog}} {
		if p.path != "" {
			errs = append(errs, validatePath(p.field, p.path))
		}
	}
	return errors.Join(errs...)
}

// Validate tells everything that is wrong with the files on this machine, each with its field.
func (f Files) Validate() error { return f.validate(here{}) }

// validate asks a machine for the owners that are named.
func (f Files) validate(on machine) error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	if f.Directory != "" {
		add(validatePath("directory", f.Directory))
	}
	seen := map[string]role{}
	var hasKey, hasLeaf bool
	for _, it := range f.items() {
		hasKey = hasKey || it.role.holdsKey()
		hasLeaf = hasLeaf || it.role.holdsLeaf()
		if f.Directory != "" {
			add(validateFileName(string(it.role), it.path))
		} else {
			add(validatePath(string(it.role), it.path))
		}
		if other, ok := seen[it.path]; ok {
			add(fmt.Errorf("%s: %q is already the file of %s; give each its own", it.role, it.path, other))
		}
		seen[it.path] = it.role
	}
	if f.KeptKey != "" {
		add(f.validateKept())
	} else if !hasKey {
		add(errors.New("key: no file receives the private key; set key or combined, or pkcs12 or jks (or directory alone, for fullchain.pem and privkey.pem)"))
	}
	if !hasLeaf {
		add(errors.New("fullchain: no file receives the certificate; set fullchain, certificate or combined, or pkcs12 or jks"))
	}
	add(f.Keystores.validate())
	_, err := f.attributes(on)
	add(err)
	if f.Timeout < 0 || f.Timeout > maxTimeout {
		add(fmt.Errorf("timeout: %s is not between 0 and %s", f.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

// validateKept sees that the key which stays is nothing that we write.
func (f Files) validateKept() error {
	errs := []error{validatePath("kept_key", f.KeptKey)}
	for _, it := range f.items() {
		if it.role != key && it.role.holdsKey() {
			errs = append(errs, fmt.Errorf("%s: it would hold the private key, which kept_key leaves where it is; use fullchain", it.role))
		}
	}
	if f.KeyMode != "" {
		errs = append(errs, errors.New("key_mode: with kept_key no key is written; set the mode of the key yourself"))
	}
	at := filepath.Clean(f.KeptKey)
	for _, it := range f.items() {
		if f.Directory == "" && filepath.Clean(it.path) == at {
			errs = append(errs, fmt.Errorf("%s: %q is kept_key itself, which is never written; leave %s out, or give it another path", it.role, it.path, it.role))
		}
	}
	for _, ours := range []string{liveName, versionsName} {
		if dir := filepath.Join(filepath.Clean(f.Directory), ours); f.Directory != "" && (at == dir || strings.HasPrefix(at, dir+"/")) {
			errs = append(errs, fmt.Errorf("kept_key: %q lies in %s, which is replaced with every version; keep the key elsewhere", f.KeptKey, dir))
		}
	}
	return errors.Join(errs...)
}

func validatePath(field, p string) error {
	if err := validateText(field, p); err != nil {
		return err
	}
	if !filepath.IsAbs(p) || p == "/" || filepath.Clean(p) != strings.TrimSuffix(p, "/") {
		return fmt.Errorf("%s: %q is not a clean absolute path; write it from / without '.', '..' or doubled slashes", field, p)
	}
	return validateLength(field, filepath.Base(p))
}

func validateFileName(field, name string) error {
	if err := validateText(field, name); err != nil {
		return err
	}
	if strings.ContainsRune(name, '/') || name == "." || name == ".." {
		return fmt.Errorf("%s: with directory, give the file's name alone (it is reached as <directory>/live/<name>), not %q", field, name)
	}
	return validateLength(field, name)
}

// maxFileName leaves room for the suffix of a temporary name within the 255
// bytes of a directory entry.
const maxFileName = 200

func validateLength(field, name string) error {
	if len(name) > maxFileName {
		return fmt.Errorf("%s: a file name of %d bytes is too long; use at most %d", field, len(name), maxFileName)
	}
	return nil
}

func validateText(field, s string) error {
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }); i >= 0 {
		return fmt.Errorf("%s: %q has a control character or invalid UTF-8 at byte %d; remove it", field, s, i)
	}
	return nil
}

// validateCommand is for programs of this machine.
func validateCommand(field string, argv []string) error {
	if err := validateArguments(field, argv); err != nil {
		return err
	}
	if _, err := findProgram(argv[0]); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}

func validateArguments(field string, argv []string) error {
	if len(argv) == 0 || argv[0] == "" {
		return fmt.Errorf("%s: the argument list is empty; write the program and each argument as its own element, or leave %s out", field, field)
	}
	var errs []error
	for i, a := range argv {
		if strings.ContainsRune(a, 0) {
			errs = append(errs, fmt.Errorf("%s: argument %d holds a NUL byte; remove it", field, i))
		}
	}
	errs = append(errs, validateText(field, argv[0]))
	return errors.Join(errs...)
}
