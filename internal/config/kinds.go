package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// field is one key of a section.
type field struct {
	name string
	typ  reflect.Type
}

// fieldsOf lists the keys of a struct in their order, squashed ones included.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		switch {
		case option == "squash":
			out = append(out, fieldsOf(f.Type)...)
		case name == "-" || !f.IsExported():
		case name == "":
			out = append(out, field{f.Name, f.Type})
		default:
			out = append(out, field{name, f.Type})
		}
	}
	return out
}

func whole(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
}

func fractional(t reflect.Type) bool {
	return t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64
}

func negative(v reflect.Value) bool {
	return v.CanInt() && v.Int() < 0 || v.CanFloat() && v.Float() < 0
}

// bounds says what a whole number of a type that is smaller than usual may be.
func bounds(t reflect.Type) string {
	if bits := t.Bits(); reflect.Zero(t).CanUint() {
		return fmt.Sprintf(" from 0 to %d", ^uint64(0)>>(64-bits))
	} else if bits < 64 {
		return fmt.Sprintf(" from %d to %d", -1<<(bits-1), 1<<(bits-1)-1)
	}
	return ""
}

// describe names what was written, without repeating it.
func describe(v any) string {
	t := reflect.TypeOf(v)
	switch {
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case whole(t) || fractional(t):
		return "a number"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map:
		return "a section"
	case t == reflect.TypeFor[time.Time]():
		return "a date"
	}
	return "a " + t.String()
}

// wanted says what belongs where a value of the type goes, and how to write it.
func wanted(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.String:
		return "text belongs; put it in quotes"
	case t.Kind() == reflect.Bool:
		return "true or false belongs; write one of them without quotes"
	case t.Kind() == reflect.Slice:
		return "a list belongs; begin every item with '- '"
	case whole(t):
		return "a whole number belongs; write it without quotes"
	}
	return "a number belongs; write it without quotes"
}
