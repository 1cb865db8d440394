package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/doctor"
)

// Examiner looks at what this worker stands on; app implements it.
type Examiner interface {
	Examine(ctx context.Context, in Examination, begun Moment) []doctor.Finding
}

// Examination says what is to be looked at.
type Examination struct {
	Only []string      `json:"only,omitempty"` // codes and areas; all if empty
	Each time.Duration `json:"each"`           // for one check
	All  time.Duration `json:"all"`            // for all of them
}

// Moment is one instant by two clocks.
type Moment struct {
	Temporal time.Time // when it gave the task to this worker
	Here     time.Time // when the worker began
}

// Examined is what a worker found.
type Examined struct {
	Findings []doctor.Finding `json:"findings"`
	// AskedAt is when it was asked, by Temporal's clock.
	AskedAt time.Time `json:"askedAt"`
}

// Reacher is the optional ability of a Channel to connect and log in without
// sending anything, and to say what answered.
type Reacher interface {
	Reach(ctx context.Context) (found string, err error)
}

// Examine tells how what this worker stands on is found. What is in trouble is
// no error.
func (a *Activities) Examine(ctx context.Context, in Examination) (Examined, error) {
	info := activity.GetInfo(ctx)
	out := Examined{AskedAt: info.ScheduledTime.UTC()}
	begun := Moment{info.StartedTime.UTC(), a.Now().UTC()}
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		if a.Examiner != nil {
			out.Findings = a.Examiner.Examine(ctx, in, begun)
		}
		return nil
	})
	return out, err
}
