package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-viper/mapstructure/v2"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// DecodeOptions decodes the options of an adapter into the struct that out
// points to, as strictly as the rest of the configuration: fields are found by
// their mapstructure tags, and what out held before are the defaults. path is
// where the options are written, like targets[0].options; every error begins
// with it. Checking the values is the adapter's business.
func DecodeOptions(path string, in map[string]any, out any) error {
	s := &shape{}
	fit := s.check(path, reflect.TypeOf(out), in)
	if len(s.problems) > 0 {
		return errors.Join(asErrors(s.problems)...)
	}
	exact := mapstructure.DecoderConfig{Result: out, ErrorUnused: true}
	strictly(&exact)
	decoder, err := mapstructure.NewDecoder(&exact)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(fit); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// strictly makes a decoder take nothing for something else.
func strictly(c *mapstructure.DecoderConfig) {
	c.WeaklyTypedInput = false
	c.MatchName = func(key, name string) bool { return key == name }
	c.DecodeHook = mapstructure.DecodeHookFuncType(fromText)
}

// fromText is the decode hook of durations, spans and whatever else reads itself from text.
func fromText(from, to reflect.Type, v any) (any, error) {
	if from.Kind() != reflect.String || to != duration && !reflect.PointerTo(to).Implements(textDecoding) {
		return v, nil
	}
	return parseText(to, reflect.ValueOf(v).String())
}

func parseText(t reflect.Type, text string) (any, error) {
	if t == duration {
		d, err := lifecycle.ParseDuration(text)
		return d, err
	}
	out := reflect.New(t)
	if err := out.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return nil, err
	}
	return out.Elem().Interface(), nil
}

func asErrors(problems []problem) []error {
	out := make([]error, len(problems))
	for i, p := range problems {
		out[i] = p
	}
	return out
}
