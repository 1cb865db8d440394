// Package inbox is the page of the demo: what the stand-ins for Slack and mail
// received, as it arrives, with buttons that work; the troubles that a visitor
// can cause; the certificates; and the verdict of the oracle. The demo gives it
// a Stage to show and to act on. It keeps nothing but what a visitor chose, in
// cookies, serves the loopback address only, and is no part of the product.
package inbox

import (
	"context"
	"time"

	"github.com/neverlapse/neverlapse/test/demo/oracle"
)

// Stage is what the page shows and acts on.
type Stage interface {
	// View is what is to be seen now; Changed gives a channel that is closed when
	// that may have changed.
	View() View
	Changed() <-chan struct{}
	// Click presses a button of a message as a person, as Slack would.
	Click(ctx context.Context, message, action, person string) error
	// Cause begins a trouble; Back ends it, as a person where one answers.
	Cause(tag string) error
	Back(tag, person string) error
}

// View is everything on the page.
type View struct {
	Began        time.Time
	Visible      time.Duration // from the start to the first five certificates; 0: not yet
	Steps        []string      // what happened before the stage stood, the latest last
	Failed       string        // why there will be no stage
	Server       string        // what serves the certificates: nginx or small
	Temporal     string        // URL of the Web UI; empty: not yet
	Page         string        // URL of the product's own page; empty: it does not answer
	People       []Person
	Messages     []Message // oldest first
	Troubles     []Trouble
	Certificates []Certificate
	Count        oracle.Count
}

// Person is somebody whom the visitor can be.
type Person struct{ ID, Name, Role string }

// Message is a Slack message or a mail as its stand-in has it.
type Message struct {
	ID       string // fit for an HTML id
	By       string // slack, mail
	Reader   string // a person's ID, or a channel with #
	At       time.Time
	Subject  string
	Severity string // P1..P4; empty where it cannot be told
	Thread   bool
	Edits    int
	Open     bool // it asks for something
	Blocks   []map[string]any
	Text     string // of a mail
	Words    []Word
}

// Word is what one person alone was told after a click.
type Word struct {
	Person, Text string
	Failed       bool // Slack shows it as its own failure
}

// Say is a sentence of the words files, with what is filled in.
type Say struct {
	Key  string
	Args []any
}

// Trouble is something a visitor can cause.
type Trouble struct {
	Tag, Name string
	State     State
	Story     []Say // what was seen since it began
	Seen      Say   // what was seen the last time; Key empty: nothing yet
	Failed    string
}

// State is where a trouble stands.
type State string

// The states.
const (
	Idle    State = "idle"    // it can be caused
	Working State = "working" // something goes its way, nothing to press
	On      State = "on"      // it can be ended
)

// Certificate is one that is guarded.
type Certificate struct {
	Name, Address, Host string
	Managed, Visitor    bool
	Fingerprint         string // empty: no handshake
	NotAfter            time.Time
	Trouble             string // why there was no handshake
	Temporal, Page      string // links; empty: none
}
