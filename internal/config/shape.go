package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// opaque is a map whose keys belong to somebody else. viper folds the case of
// keys in every map[string]any it sees, and not in this one.
type opaque map[string]any

// shape compares what was written with the type it is meant for. No message
// repeats a value that might be a secret.
type shape struct {
	problems []problem
}

func (s *shape) wrong(path, format string, args ...any) any {
	s.problems = append(s.problems, wrong(path, format, args...))
	return nil
}

// check gives what of v fits t; the rest becomes problems. Nil means: not set.
func (s *shape) check(path string, t reflect.Type, v any) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v == nil || reflect.TypeOf(v) == t && t.Kind() != reflect.Map || t.Kind() == reflect.Interface || reflect.PointerTo(t).Implements(ownDecoding) {
		return v
	}
	if t == duration || reflect.PointerTo(t).Implements(textDecoding) {
		return s.checkText(path, t, v)
	}
	value := reflect.ValueOf(v)
	switch t.Kind() {
	case reflect.Struct:
		return s.checkSection(path, t, v)
	case reflect.Map:
		return s.checkMap(path, t, v)
	case reflect.Slice:
		if value.Kind() == reflect.Slice {
			return s.checkList(path, t.Elem(), value)
		}
	case reflect.String, reflect.Bool:
		if day, ok := v.(time.Time); ok && t == reflect.TypeFor[lifecycle.Day]() && day.Equal(day.Truncate(24*time.Hour)) { // YAML makes an instant of it
			return day.Format(time.DateOnly)
		}
		if value.Kind() == t.Kind() {
			return v
		}
	default:
		if whole(t) || fractional(t) {
			return s.checkNumber(path, t, value)
		}
		return v
	}
	return s.wrong(path, "%s stands where %s", describe(v), wanted(t))
}

var (
	duration     = reflect.TypeFor[time.Duration]()
	size         = reflect.TypeFor[lifecycle.Size]()
	textDecoding = reflect.TypeFor[encoding.TextUnmarshaler]()
	ownDecoding  = reflect.TypeFor[mapstructure.Unmarshaler]()
)

func (s *shape) checkText(path string, t reflect.Type, v any) any {
	text, ok := v.(string)
	lasts := t == duration || t == reflect.TypeFor[lifecycle.Span]()
	if t == size && whole(reflect.TypeOf(v)) { // a count is a number to whoever writes it
		text, ok = fmt.Sprint(v), true
	}
	switch {
	case !ok && lasts:
		return s.wrong(path, "%s is not a duration; write 30s, 15m, 36h or 30d", describe(v))
	case !ok && t == size:
		return s.wrong(path, "%s is no number of targets; write a count (5) or a share of them (25%%)", describe(v))
	case !ok:
		return s.wrong(path, "%s stands where text belongs; put it in quotes", describe(v))
	}
	if _, err := parseText(t, text); err != nil {
		return s.wrong(path, "%v", err)
	}
	return text
}

func (s *shape) checkNumber(path string, t reflect.Type, value reflect.Value) any {
	from := value.Type()
	switch {
	case !whole(from) && !fractional(from):
		return s.wrong(path, "%s stands where %s", describe(value.Interface()), wanted(t))
	case fractional(t):
		return value.Interface()
	}
	fit := value.Convert(t)
	if negative(fit) != negative(value) || fit.Convert(from).Interface() != value.Interface() {
		return s.wrong(path, "%v does not fit; write a whole number%s", value, bounds(t))
	}
	return value.Interface()
}

func (s *shape) checkList(path string, elem reflect.Type, list reflect.Value) any {
	out := make([]any, list.Len())
	for i := range out {
		at, item := fmt.Sprintf("%s[%d]", path, i), list.Index(i).Interface()
		if item == nil {
			s.wrong(at, "nothing is written here; fill the item or remove it")
			continue
		}
		out[i] = s.check(at, elem, item) // a bad one stays as nil, so that the others keep their index
	}
	return out
}

func (s *shape) checkMap(path string, t reflect.Type, v any) any {
	in, ok := s.keys(path, v)
	if !ok {
		return nil
	}
	out := opaque{}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		out[k] = s.check(join(path, k), t.Elem(), in[k])
	}
	return out
}

func (s *shape) checkSection(path string, t reflect.Type, v any) any {
	in, ok := s.keys(path, v)
	if !ok {
		return nil
	}
	var known []string
	byName := map[string]reflect.Type{}
	for _, f := range fieldsOf(t) {
		known = append(known, f.name)
		byName[f.name] = f.typ
	}
	out := map[string]any{}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if _, ok := byName[k]; !ok {
			s.problems = append(s.problems, unknown(path, k, known))
			continue
		}
		if fit := s.check(join(path, k), byName[k], in[k]); fit != nil {
			out[k] = fit
		}
	}
	return out
}

// keys gives a section with its keys as text.
func (s *shape) keys(path string, v any) (map[string]any, bool) {
	value := reflect.ValueOf(v)
	if value.Kind() != reflect.Map {
		s.wrong(place(path), "%s stands where a section belongs; write its keys below it, indented", describe(v))
		return nil, false
	}
	out := map[string]any{}
	for iter := value.MapRange(); iter.Next(); {
		k, ok := iter.Key().Interface().(string)
		if !ok {
			s.wrong(place(path), "the key %v is not text; put it in quotes", iter.Key())
			continue
		}
		out[k] = iter.Value().Interface()
	}
	return out, true
}

func place(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}
