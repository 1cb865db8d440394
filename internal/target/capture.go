package target

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// captureFormat changes when an older capture can no longer be understood.
const captureFormat = 1

// capture is everything a target had, enough to bring it back. It may hold
// keys; the store seals it.
type capture struct {
	Format int    `json:"format"`
	Layout string `json:"layout"`
	// Paths are those of the target it was taken from; it fits no other.
	Paths []string `json:"paths"`
	// Nodes are what stood at each path.
	Nodes map[string]node `json:"nodes"`
	// HadVersions: <directory>/versions existed, and Versions are its entries.
	HadVersions bool     `json:"hadVersions,omitempty"`
	Versions    []string `json:"versions,omitempty"`
	// Leaf is the PEM of the certificate that was in use; empty if none could be read.
	Leaf []byte `json:"leaf,omitempty"`
	// Running: the server ran, as far as could be seen.
	Running bool `json:"running,omitempty"`
}

func newCapture(l layout) capture {
	return capture{Format: captureFormat, Layout: l.name(), Paths: configured(l), Nodes: map[string]node{}}
}

// configured are the paths as written in the options: those of a capture must
// be compared without asking the disk, which may have changed since.
func configured(l layout) []string {
	var out []string
	for _, it := range l.files() {
		out = append(out, string(it.role)+":"+it.path)
	}
	return append(out, l.directories()...)
}

func (c capture) encode() ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode capture: %w", err)
	}
	return data, nil
}

func decodeCapture(data []byte) (c capture, err error) {
	err = readCapture(data, &c, &c.Format)
	return c, err
}

// readCapture decodes a capture, and refuses one of another format.
func readCapture(data []byte, into any, format *int) error {
	if len(data) == 0 {
		return fault.New(fault.Invalid, "no capture of what was there before; take one first")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fault.New(fault.Invalid, "the capture cannot be read: %w", err)
	}
	if *format != captureFormat {
		return fault.New(fault.Invalid, "the capture has format %d, this program understands %d", *format, captureFormat)
	}
	return nil
}

// fits refuses a capture of other files: restoring it would not restore this target.
func (c capture) fits(l layout) error {
	if want := configured(l); c.Layout != l.name() || !slices.Equal(c.Paths, want) {
		return fault.New(fault.Invalid, "the capture is of other files (%s, %q) than this target has now (%s, %q); restore them by hand or set the options back", c.Layout, c.Paths, l.name(), want)
	}
	for _, p := range slices.Sorted(maps.Keys(c.Nodes)) {
		switch c.Nodes[p].Kind {
		case kindAbsent, kindFile, kindSymlink, kindDirectory:
		default:
			return fault.New(fault.Invalid, "the capture holds a %q at %s, which this program does not understand", c.Nodes[p].Kind, p)
		}
	}
	return nil
}

func (c capture) version() (cert.Version, error) {
	certs, err := cert.DecodeChain(c.Leaf)
	if err != nil {
		return cert.Version{}, fault.New(fault.NotFound, "what was there before held no certificate")
	}
	return cert.VersionOf(certs[0]), nil
}
