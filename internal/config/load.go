package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
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
	c, err := parse(content, env)
	if err != nil {
		if source == "" {
			source = "the environment"
		}
		return Config{}, fmt.Errorf("configuration from %s:\n%w", source, err)
	}
	c.Source = source
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
	set, problems := settings(env)
	problems = append(s.problems, problems...)

	v := viper.NewWithOptions(viper.KeyDelimiter(delimiter))
	if err := v.MergeConfigMap(section); err != nil {
		return Config{}, err
	}
	for _, e := range set {
		v.Set(strings.ReplaceAll(e.Path, ".", delimiter), e.value)
	}
	c := Default()
	if err := v.UnmarshalExact(&c, func(d *mapstructure.DecoderConfig) { strictly(d) }); err != nil {
		return Config{}, errors.Join(append(asErrors(problems), err)...)
	}
	if err := c.complete(); err != nil {
		return Config{}, err
	}
	errs := append(asErrors(problems), beside(problems, c.Validate())...)
	for i := range errs {
		errs[i] = blame(errs[i], set)
	}
	return c, errors.Join(errs...)
}

// document reads the one YAML document of a file.
func document(content []byte) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second any
	if err := decoder.Decode(&first); err != nil && !errors.Is(err, io.EOF) {
		return nil, inLines(err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second YAML document after '---'; keep one")
	}
	return first, nil
}

// inLines makes one error of each line that YAML complains about.
func inLines(err error) error {
	var lines *yaml.TypeError
	if !errors.As(err, &lines) {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if strings.Contains(text, "cannot start any token") {
			text += "; indent with spaces, not tabs, and put text that begins with @, ` or % in quotes"
		}
		return errors.New(text)
	}
	var errs []error
	for _, l := range lines.Errors {
		if strings.Contains(l, "already defined") {
			l += "; keep one of them"
		}
		errs = append(errs, errors.New(l))
	}
	return errors.Join(errs...)
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
