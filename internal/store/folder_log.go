package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// Append does it with one write and one sync. A line that a crash left
// unfinished is cut off first: it was never acknowledged.
func (f inFolder) Append(_ context.Context, lines []Line) error {
	file, err := f.root.OpenFile(f.join(f.room.Log), os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
	if err != nil {
		return f.failed(err)
	}
	err = appendTo(file, lines)
	return f.failed(errors.Join(err, file.Close()))
}

func appendTo(f *os.File, lines []Line) error {
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
	_, err = f.Write(Missing(complete, lines))
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

// Missing is the text of the lines whose sequence complete does not hold.
func Missing(complete []byte, lines []Line) []byte {
	have := map[int64]bool{}
	for text := range bytes.Lines(complete) {
		have[Sequence(text)] = true
	}
	var out []byte
	for _, l := range lines {
		if !have[l.Sequence] {
			have[l.Sequence] = true
			out = append(out, l.Text...)
		}
	}
	return out
}

// Sequence is that of a line of a log; 0 if it cannot be read.
func Sequence(line []byte) int64 {
	var e struct {
		Sequence int64 `json:"sequence"`
	}
	if json.Unmarshal(line, &e) != nil {
		return 0
	}
	return e.Sequence
}
