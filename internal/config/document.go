package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document reads the one YAML document of a file; nil if there is none.
func document(content []byte) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, syntax(err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second YAML document after '---'; keep one")
	}
	if errs := repeated("", &first); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var out any
	if err := first.Decode(&out); err != nil {
		return nil, syntax(err)
	}
	return out, nil
}

// repeated finds every key that a section holds twice. YAML itself stops at
// the first section that does.
func repeated(path string, n *yaml.Node) []error {
	var errs []error
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			errs = append(errs, repeated(path, c)...)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			errs = append(errs, repeated(fmt.Sprintf("%s[%d]", path, i), c)...)
		}
	case yaml.MappingNode:
		lines := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			at := join(path, key.Value)
			if line, twice := lines[key.Value]; twice {
				errs = append(errs, wrong(at, "is written twice, on lines %d and %d; keep one", line, key.Line))
			}
			lines[key.Value] = key.Line
			errs = append(errs, repeated(at, n.Content[i+1])...)
		}
	}
	return errs
}

// syntax says how to mend what YAML complains about. Its line may be the one before.
func syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(text, "line ") {
		text = "near " + text
	}
	switch {
	case strings.Contains(text, "cannot start any token"), strings.Contains(text, "a tab character"):
		text += "; indent with spaces, not tabs, and put text that begins with @, ` or % in quotes"
	case strings.Contains(text, "mapping values are not allowed"):
		text += "; put text that holds ': ' in quotes"
	case strings.Contains(text, "unknown anchor"): // whose name may be a password
		text = "there is text that begins with * and is no YAML alias; put it in quotes"
	}
	return errors.New(text)
}
