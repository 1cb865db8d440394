package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// delimiter joins the keys of a path inside viper; domain names have dots.
const delimiter = "::"

// places are where the file is looked for when no path is given.
var places = []string{"./neverlapse.yaml", "/etc/neverlapse/neverlapse.yaml"}

// Load reads the configuration from the file at path, or from the first of
// ./neverlapse.yaml and /etc/neverlapse/neverlapse.yaml that exists if path is
// empty, or from no file at all; then from env ("NAME=value", as os.Environ gives
// it), which wins. The error joins everything that is wrong.
func Load(path string, env []string) (Config, error) {
	source, content, err := read(path)
	if err != nil {
		return Config{}, err
	}
	return from(source, content, env)
}

func from(source string, content []byte, env []string) (Config, error) {
	c, err := parse(content, env)
	if err != nil {
		if source == "" {
			source = "the environment"
		}
		return Config{}, fmt.Errorf("configuration from %s:\n%w", source, err)
	}
	c.Source, c.Env = source, env
	return c, nil
}

func read(path string) (string, []byte, error) {
	if path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", nil, fmt.Errorf("configuration: %w", err)
		}
		return path, content, nil
	}
	for _, p := range places {
		content, err := os.ReadFile(p)
		if err == nil {
			return p, content, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fmt.Errorf("configuration: %w", err)
		}
	}
	return "", nil, nil
}

func parse(content []byte, env []string) (Config, error) {
	document, err := document(content)
	if err != nil {
		return Config{}, err
	}
	s := &shape{}
	section, _ := s.check("", reflect.TypeFor[Config](), document).(map[string]any)
	set, inEnv := overridesOf(env)

	v := viper.NewWithOptions(viper.KeyDelimiter(delimiter))
	if err := v.MergeConfigMap(section); err != nil {
		return Config{}, err
	}
	for path, value := range set.values {
		v.Set(strings.ReplaceAll(path, ".", delimiter), value)
	}
	c := Default()
	errs := asErrors(s.problems)
	if err := v.UnmarshalExact(&c, strictly); err != nil {
		return Config{}, errors.Join(append(errs, err)...)
	}
	if err := c.complete(); err != nil {
		return Config{}, err
	}
	errs = append(errs, c.readCalendars(time.Now())...)
	for _, err := range append(asErrors(inEnv), beside(append(s.problems, inEnv...), c.Validate())...) {
		errs = append(errs, set.blame(err))
	}
	return c, errors.Join(errs...)
}

// complete fills in what follows from what was given.
func (c *Config) complete() error {
	if c.Data != "" {
		absolute, err := filepath.Abs(c.Data)
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		c.Data = absolute
	}
	c.HTTP.complete()
	c.completePolicies()
	return nil
}
