package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Variable is an environment variable and the path of the key it overrides.
type Variable struct {
	Name, Path string
	typ        reflect.Type
}

// Variables lists the variables that Load reads: one for every key that is
// neither a list nor part of one nor an adapter's.
func Variables() []Variable {
	return variables("", reflect.TypeFor[Config]())
}

func variables(path string, t reflect.Type) []Variable {
	var out []Variable
	for _, f := range fieldsOf(t) {
		at := join(path, f.name)
		switch f.typ.Kind() {
		case reflect.Slice, reflect.Map:
		case reflect.Struct:
			out = append(out, variables(at, f.typ)...)
		default:
			name := "NEVERLAPSE_" + strings.ToUpper(strings.ReplaceAll(at, ".", "_"))
			out = append(out, Variable{name, at, f.typ})
		}
	}
	return out
}

// overrides are the variables that are set.
type overrides struct {
	values map[string]any    // in the key's type, by its path
	names  map[string]string // of the variables, bad ones too, by path
}

// overridesOf reads the variables; an empty one counts as not set.
func overridesOf(env []string) (overrides, []problem) {
	set := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		set[name] = value
	}
	o := overrides{values: map[string]any{}, names: map[string]string{}}
	s := &shape{}
	for _, v := range Variables() {
		text := set[v.Name]
		if text == "" {
			continue
		}
		o.names[v.Path] = v.Name
		if value := s.check(v.Path, v.typ, s.scalar(v, text)); value != nil {
			o.values[v.Path] = value
		}
	}
	return o, s.problems
}

// scalar gives the whole number, or the truth, that the text of a variable stands
// for, if its key wants one.
func (s *shape) scalar(v Variable, text string) any {
	if yes := text == "true"; v.typ.Kind() == reflect.Bool && (yes || text == "false") {
		return yes
	}
	if v.typ == duration || !whole(v.typ) {
		return text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil:
		return n
	case strings.HasPrefix(text, "tcp://"):
		return s.wrong(v.Path, "%q is not a whole number; Kubernetes sets it for a Service of that name: set enableServiceLinks: false", text)
	}
	return s.wrong(v.Path, "%q is not a whole number", text)
}

// blame says in an error about a key that its value came from a variable.
func (o overrides) blame(err error) error {
	path, rest, _ := strings.Cut(err.Error(), ": ")
	if name, ok := o.names[path]; ok {
		return fmt.Errorf("%s (from %s): %s", path, name, rest)
	}
	return err
}
