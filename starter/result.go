package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// text reports whether people read the result, and not a program.
func (c *cli) text() bool { return c.output.value == "text" }

// result writes a value for programs. It is one document, whatever it holds.
func (c *cli) result(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if c.output.value == "json" {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(c.out, asciiControls(b.String()))
	return err
}

// results writes a list: an array, or with jsonl one value a line.
func results[T any](c *cli, values []T) error {
	if c.output.value == "json" {
		if values == nil {
			values = []T{}
		}
		return c.result(values)
	}
	for _, v := range values {
		if err := c.result(v); err != nil {
			return err
		}
	}
	return nil
}

// asciiControls escapes what a terminal might act upon and encoding/json leaves
// as it is; the values stay the same.
func asciiControls(document string) string {
	if !strings.ContainsFunc(document, func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }) {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		switch {
		case r < 0x7f || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}
