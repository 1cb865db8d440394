package activities

import (
	"context"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Inboxes reaches the workflow that keeps one contact's inbox, and starts it
// where there is none; app implements it. It can be repeated.
type Inboxes interface {
	Post(ctx context.Context, p Parcel) error
}

// Parcel is a notice on its way through the inbox of a contact, where it may be
// told together with others. Its key is that of the notice.
type Parcel struct {
	From   string         `json:"from"`   // workflow ID: who hears what became of it
	Number int            `json:"number"` // of the notice among those of its alert
	Notice alert.Notice   `json:"notice"`
	To     people.Contact `json:"to"`
	Ways   []Way          `json:"ways"`             // used in parallel
	Others []Way          `json:"others,omitempty"` // tried in order where one of them fails
	// Receipts are of earlier messages about the alert, which it answers.
	Receipts []alert.Receipt `json:"receipts,omitempty"`
	By       time.Time       `json:"by"` // it is sent at the latest
	Rules    gather.Rules    `json:"rules"`
}

// Post puts a notice into the inbox of its contact.
func (a *Activities) Post(ctx context.Context, p Parcel) error {
	return toTemporal(a.Inboxes.Post(ctx, p), a.Now())
}
