package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// LogName is that of the log of a room that has one.
const LogName = "journal.jsonl"

// Append adds entries to a certificate's journal. An entry whose Sequence is there already is left alone; gaps are allowed. A
// Sequence under 1 is fault.Invalid.
func (s *Store) Append(ctx context.Context, name string, entries []cert.Entry) error {
	r, err := s.certificate(name)
	if err != nil {
		return err
	}
	lines, err := encode(name, entries)
	if err != nil {
		return err
	}
	return r.locked(ctx, func(r room) error { return r.change.Append(ctx, lines) })
}

func encode(name string, entries []cert.Entry) ([]Line, error) {
	var out []Line
	for _, e := range entries {
		if e.Sequence < 1 {
			return nil, fault.New(fault.Invalid, "journal of %s: sequence %d: they count from 1", name, e.Sequence)
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err != nil {
			return nil, fault.New(fault.Invalid, "journal of %s: entry %d cannot be encoded: %w", name, e.Sequence, err)
		}
		out = append(out, Line{e.Sequence, text.Bytes()})
	}
	return out, nil
}

// Entries gives a certificate's journal in the order of Sequence; empty if
// there is none. If lines are damaged it gives the others and an error that
// names the lines.
func (s *Store) Entries(ctx context.Context, name string) ([]cert.Entry, error) {
	r, err := s.certificate(name)
	if err != nil {
		return nil, err
	}
	data, err := r.read(ctx, LogName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []cert.Entry
	var bad []int
	number := 0
	for text := range bytes.Lines(completeLines(data)) {
		number++
		var e cert.Entry
		if json.Unmarshal(text, &e) != nil || e.Sequence < 1 {
			bad = append(bad, number)
			continue
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b cert.Entry) int { return cmp.Compare(a.Sequence, b.Sequence) })
	if len(bad) > 0 {
		return out, s.damaged(r.join(LogName), fmt.Errorf("lines %v cannot be read", bad))
	}
	return out, nil
}
