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

// setting is a variable that is set, with its value in the key's type.
type setting struct {
	Variable
	value any
}

// settings reads the variables that are set; an empty one counts as not set.
func settings(env []string) ([]setting, []problem) {
	set := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		set[name] = value
	}
	var out []setting
	var problems []problem
	for _, v := range Variables() {
		text := set[v.Name]
		if text == "" {
			continue
		}
		s := &shape{}
		if value := s.check(v.Path, v.typ, v.read(text)); len(s.problems) == 0 {
			out = append(out, setting{v, value})
		}
		problems = append(problems, s.problems...)
	}
	return out, problems
}

// read gives the text as YAML would; what is neither number nor boolean although it should be stays text.
func (v Variable) read(text string) any {
	switch {
	case v.typ == duration:
	case v.typ.Kind() == reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case whole(v.typ):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return text
}

// blame says in an error about a key that its value came from a variable.
func blame(err error, set []setting) error {
	for _, s := range set {
		if rest, ok := strings.CutPrefix(err.Error(), s.Path+": "); ok {
			return fmt.Errorf("%s (from %s): %s", s.Path, s.Name, rest)
		}
	}
	return err
}
