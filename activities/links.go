package activities

import "github.com/neverlapse/neverlapse/internal/alert"

// Ticketer makes the links by which the recipient of a message answers.
type Ticketer interface {
	Links(m alert.Message) []alert.Link
}

// answerLinks are made when a message is sent: what is good for an answer stands in no
// history.
func (a *Activities) answerLinks(m alert.Message) []alert.Link {
	if a.Ticketer == nil {
		return nil
	}
	return a.Ticketer.Links(m)
}
