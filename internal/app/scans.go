package app

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/metrics"
)

// scans tells how each source of the inventory stands.
func (a *App) scans(ctx context.Context) (out []metrics.Scan, err error) {
	for _, s := range a.config.Sources {
		st, err := a.store.SourceStanding(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, metrics.Scan{Source: s.Name, Completed: st.Completed, Interval: s.Interval(), Places: st.Places, Troubled: st.Last.Troubled})
	}
	return out, nil
}
