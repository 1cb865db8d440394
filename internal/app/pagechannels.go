package app

import (
	"context"
	"sync"

	"github.com/neverlapse/neverlapse/internal/web/page"
	"github.com/neverlapse/neverlapse/workflows"
)

// pageChannels tell the page how the channels of this worker stand.
type pageChannels struct{ app *App }

// Channels asks the store and the workflow of each. One that does not answer is
// shown with what the store has.
func (c pageChannels) Channels(ctx context.Context) ([]page.Channel, error) {
	listed, err := c.app.acts.ListChannels(ctx, struct{}{})
	out := make([]page.Channel, len(listed))
	var all sync.WaitGroup
	for i, l := range listed {
		all.Go(func() {
			w, failed := workflows.AskChannel(ctx, c.app.client, l.Name)
			out[i] = page.Channel{Listed: l, Trouble: w.Trouble, Life: w.Life, Silent: failed != nil}
		})
	}
	all.Wait()
	return out, err
}
