package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// globalVariables are the variables of the flags that every verb has. Those
// that the configuration knows too have its names.
var globalVariables = map[string]string{
	"config":    "NEVERLAPSE_CONFIG",
	"address":   "NEVERLAPSE_TEMPORAL_ADDRESS",
	"namespace": "NEVERLAPSE_TEMPORAL_NAMESPACE",
	"data":      "NEVERLAPSE_DATA",
	"as":        "NEVERLAPSE_USER",
	"output":    "NEVERLAPSE_OUTPUT",
	"timeout":   "NEVERLAPSE_TIMEOUT",
	"color":     "NEVERLAPSE_COLOR",
}

// variable names the environment variable of a flag; empty if it has none.
func variable(cmd *cobra.Command, f *pflag.Flag) string {
	if name, ok := globalVariables[f.Name]; ok {
		return name
	}
	switch f.Name {
	case "help", "force": // what overrides a safety is typed each time
		return ""
	}
	_, verb, below := strings.Cut(cmd.CommandPath(), " ")
	if first, _, _ := strings.Cut(verb, " "); !below || first == "completion" {
		return ""
	}
	return "NEVERLAPSE_" + strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(verb+"_"+f.Name))
}

// bind sets the flags that were not given from the environment; an empty
// variable counts as not set.
func (c *cli) bind(cmd *cobra.Command) error {
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := variable(cmd, f)
		switch {
		case first != nil || name == "":
			return
		case f.Changed && emptied(cmd, f):
			first = usage("--%s is empty; give a value or leave it out", f.Name)
			return
		case f.Changed:
			return
		}
		if value := c.getenv(name); value != "" {
			err := cmd.Flags().Set(f.Name, value)
			if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
				err = invalid.Unwrap()
			}
			if err != nil {
				first = usage("%s: %s", name, err)
			}
		}
	})
	return first
}

// emptied reports whether a flag was given without a value, as by a script whose
// variable is not set: a list would then show everything, an answer go to every
// alert. enroll --update takes things away so.
func emptied(cmd *cobra.Command, f *pflag.Flag) bool {
	empty := f.Value.String() == "" || f.Value.String() == "[]"
	return empty && f.Name != "note" && (cmd.Name() != "enroll" || globalVariables[f.Name] != "")
}

// getenv gives a variable; of several, the last counts, as in a shell.
func (c *cli) getenv(name string) string {
	value := ""
	for _, e := range c.env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}
