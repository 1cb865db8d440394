package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// live are the sections that may change while a worker runs, by their keys.
// Everything else counts from the next start.
var live = []string{"people", "teams", "catch_all", "routes", "accept_email_alone", "permissions", "policies", "environments", "calendars", "handover", "gather", "digest", "delivery", "channels"}

// encryption is the part of the section temporal that may change as well.
const encryption = "temporal.encryption"

// Live lists the sections that may change while a worker runs.
func Live() []string { return slices.Clone(live) }

// Content reads the file that the configuration came from, as it is now. The sum
// is another one when that changes, or a file that live sections are read from.
func (c Config) Content() (content []byte, sum [sha256.Size]byte, err error) {
	all := sha256.New()
	content, err = os.ReadFile(c.Source)
	if err != nil {
		return nil, sha256.Sum256([]byte(err.Error())), fmt.Errorf("configuration: %w", err)
	}
	all.Write(content)
	beside := []string{c.HTTP.TokenFile}
	for _, k := range c.Calendars {
		beside = append(beside, k.File)
	}
	for _, k := range c.Temporal.Encryption.Keys {
		if k.File != "" {
			beside = append(beside, k.File)
		}
	}
	for _, name := range beside {
		text, err := os.ReadFile(name)
		fmt.Fprintf(all, "\x00%s\x00%v\x00", name, err != nil)
		all.Write(text)
	}
	return content, [sha256.Size]byte(all.Sum(nil)), nil
}

// Again reads the configuration anew from a content of its file and the
// environment that it was read with. The error joins everything that is wrong.
func (c Config) Again(content []byte) (Config, error) { return from(c.Source, content, c.Env) }

// Adoption is a configuration that a running worker may take on.
type Adoption struct {
	Config  Config
	Changed []string // sections that count at once
	Restart []string // sections that count from the next start
}

// Adopt lays the sections of next that may change while a worker runs over c.
// The error tells what of them does not fit what the worker was started with.
func (c Config) Adopt(next Config) (Adoption, error) {
	out := Adoption{Config: c}
	if !reflect.DeepEqual(c.Temporal.Encryption, next.Temporal.Encryption) {
		out.Config.Temporal.Encryption = next.Temporal.Encryption
		out.Changed = append(out.Changed, encryption)
	}
	next.Temporal.Encryption = c.Temporal.Encryption
	into, before, after := reflect.ValueOf(&out.Config).Elem(), reflect.ValueOf(c), reflect.ValueOf(next)
	for i := range into.NumField() {
		key := into.Type().Field(i).Tag.Get("mapstructure")
		switch {
		case key == "-" || reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()):
		case slices.Contains(live, key):
			into.Field(i).Set(after.Field(i))
			out.Changed = append(out.Changed, key)
		default:
			out.Restart = append(out.Restart, key)
		}
	}
	return out, out.Fits(out.Config.Validate())
}

// Fits tells of an error of the adopted configuration that it may be because
// another section counts only after a restart; nil stays nil.
func (a Adoption) Fits(err error) error {
	if err == nil || len(a.Restart) == 0 {
		return err
	}
	return errors.Join(err, fmt.Errorf("(%s changed as well and need a restart of the worker; what names something new there counts after it)", strings.Join(a.Restart, ", ")))
}
