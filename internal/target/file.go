package target

import (
	"github.com/neverlapse/neverlapse/internal/fault"
)

// File is a target of plain files, for any program that reads them, with a
// check and a reload command of the operator's.
type File struct{ place }

// NewFile makes a target of the kind file; name is for messages.
func NewFile(name string, o FileOptions) (*File, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "file target %q: %w", name, err)
	}
	p, err := newPlace("file", name, o.Files)
	if err != nil {
		return nil, fault.New(fault.Configuration, "file target %q: %w", name, err)
	}
	p.check, p.reload = o.Check, o.Reload
	return &File{p}, nil
}

// Guarantees are those that hold with the options as they are.
func (t *File) Guarantees() Guarantees {
	g := FileGuarantees()
	g.Atomic = atomic(t.layout)
	g.ChecksBefore = len(t.check) > 0
	return g
}

// atomic tells whether one rename changes everything.
func atomic(l layout) bool {
	_, ok := l.(versioned)
	return ok || len(l.files()) == 1
}
