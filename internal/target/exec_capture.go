package target

import (
	"encoding/json"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// execCapture is what the program capture put into its folder, whole. It may
// hold keys; the store seals it.
type execCapture struct {
	Format  int          `json:"format"`
	Place   string       `json:"place"` // it fits no other
	Kept    node         `json:"kept"`
	Version cert.Version `json:"version"` // empty: there was no certificate
}

func (t *Exec) encode(s *scratch, v cert.Version) ([]byte, error) {
	root, err := openFolder(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	kept, err := take(root, captureName)
	if err != nil {
		return nil, fmt.Errorf("keep what capture wrote: %w", err)
	}
	data, err := json.Marshal(execCapture{captureFormat, t.options.Place, kept, v})
	if err != nil {
		return nil, fmt.Errorf("encode capture: %w", err)
	}
	return data, nil
}

// unfold fills the folder capture as it was when it was taken.
func (c execCapture) unfold(s *scratch) error {
	root, err := openFolder(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(captureName); err != nil {
		return err
	}
	if err := c.Kept.build(root, captureName); err != nil {
		return fmt.Errorf("unfold what was captured for restore: %w", err)
	}
	return nil
}

func decodeExecCapture(data []byte) (execCapture, error) {
	var c execCapture
	if len(data) == 0 {
		return c, fault.New(fault.Invalid, "no capture of what was there before; take one first")
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fault.New(fault.Invalid, "the capture cannot be read: %w", err)
	}
	if c.Format != captureFormat {
		return c, fault.New(fault.Invalid, "the capture has format %d, this program understands %d", c.Format, captureFormat)
	}
	return c, nil
}

// decode refuses a capture of another place.
func (t *Exec) decode(before []byte) (execCapture, error) {
	c, err := decodeExecCapture(before)
	if err == nil && (c.Place != t.options.Place || c.Kept.Kind != kindDirectory) {
		err = fault.New(fault.Invalid, "the capture is of another place (%q) than this target has now (%q); set the options back", c.Place, t.options.Place)
	}
	return c, err
}
