package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Acknowledger answers one alert in somebody's name, if that person may; app
// implements it. The same ID counts once. The tally counts one.
type Acknowledger interface {
	Acknowledge(ctx context.Context, in AcknowledgeAllInput, which Acknowledged) alert.Tally
}

// AcknowledgeAllInput is one answer to many alerts.
type AcknowledgeAllInput struct {
	ID     string         `json:"id"` // of the answer, wherever it arrives
	By     string         `json:"by"`
	Via    string         `json:"via,omitempty"`
	Note   string         `json:"note,omitempty"`
	For    time.Duration  `json:"for,omitempty"`
	Alerts []Acknowledged `json:"alerts"`
}

// Acknowledged names an alert, and how it stood when it was told.
type Acknowledged struct {
	Certificate string `json:"certificate"`
	Alert       string `json:"alert"`
	Seen        string `json:"seen,omitempty"`
}

// How many are answered at once, and how long one may take.
const (
	answering = 8
	oneAnswer = 10 * time.Second
)

// AcknowledgeAll answers each; tried again, those that were taken count as taken.
func (a *Activities) AcknowledgeAll(ctx context.Context, in AcknowledgeAllInput) (alert.Tally, error) {
	var sum alert.Tally
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, answering)
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	done := make(chan struct{})
	go func() {
		for _, which := range in.Alerts {
			turns <- struct{}{}
			all.Go(func() {
				defer func() { <-turns }()
				within, cancel := context.WithTimeout(ctx, oneAnswer)
				defer cancel()
				one := a.Acknowledger.Acknowledge(within, in, which)
				mu.Lock()
				defer mu.Unlock()
				sum.Add(one)
			})
		}
		all.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return sum, ctx.Err()
		case <-beat.C:
			mu.Lock()
			activity.RecordHeartbeat(ctx, sum.Whole())
			mu.Unlock()
		}
	}
}
