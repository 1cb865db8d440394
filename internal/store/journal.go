package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const journalFile = "journal.jsonl"

// Append adds entries to a certificate's journal, with one write and one sync.
// An entry whose Sequence is there already is left alone; gaps are allowed. A
// Sequence under 1 is fault.Invalid. A line that a crash left unfinished is cut
// off first: it was never acknowledged.
func (s *Files) Append(ctx context.Context, name string, entries []cert.Entry) error {
	r, err := s.certificate(name)
	if err != nil {
		return err
	}
	lines, err := encode(name, entries)
	if err != nil {
		return err
	}
	return r.locked(ctx, func() error {
		f, err := s.root.OpenFile(r.join(journalFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
		if err != nil {
			return s.failed(err)
		}
		err = appendTo(f, lines)
		return s.failed(errors.Join(err, f.Close()))
	})
}

// line is an entry as it is written, with its newline.
type line struct {
	sequence int64
	text     []byte
}

func encode(name string, entries []cert.Entry) ([]line, error) {
	var out []line
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
		out = append(out, line{e.Sequence, text.Bytes()})
	}
	return out, nil
}

func appendTo(f *os.File, lines []line) error {
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	complete := completeLines(data)
	if len(complete) < len(data) {
		if err := f.Truncate(int64(len(complete))); err != nil {
			return err
		}
	}
	_, err = f.Write(missing(complete, lines))
	if err == nil {
		// Also when nothing was missing: whoever wrote these entries may have
		// died before they were durable.
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(int64(len(complete))))
	}
	return nil
}

// completeLines is data without an unfinished last line.
func completeLines(data []byte) []byte { return data[:bytes.LastIndexByte(data, '\n')+1] }

// missing is the text of the lines whose sequence complete does not hold.
func missing(complete []byte, lines []line) []byte {
	have := map[int64]bool{}
	for text := range bytes.Lines(complete) {
		var e struct {
			Sequence int64 `json:"sequence"`
		}
		if json.Unmarshal(text, &e) == nil {
			have[e.Sequence] = true
		}
	}
	var out []byte
	for _, l := range lines {
		if !have[l.sequence] {
			have[l.sequence] = true
			out = append(out, l.text...)
		}
	}
	return out
}

// Entries gives a certificate's journal in the order of Sequence; empty if
// there is none. If lines are damaged it gives the others and an error that
// names the lines.
func (s *Files) Entries(_ context.Context, name string) ([]cert.Entry, error) {
	r, err := s.certificate(name)
	if err != nil {
		return nil, err
	}
	data, err := r.read(journalFile)
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
		return out, s.damaged(r.join(journalFile), fmt.Errorf("lines %v cannot be read", bad))
	}
	return out, nil
}
