package page

import (
	"context"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/workflows"
)

// What certificates themselves say is asked for the few that a list shows: so
// many at once, for so long in all; what is not there by then comes next time.
const (
	askers    = 4
	askWithin = 2 * time.Second
	detailFor = 30 * time.Second
)

// details keeps what certificates said until their row changes.
type details struct {
	certificates Certificates
	now          func() time.Time

	mu  sync.Mutex
	all map[string]detail
}

type detail struct {
	row    string
	at     time.Time
	status workflows.Status
}

func newDetails(c Certificates, now func() time.Time) *details {
	return &details{certificates: c, now: now, all: map[string]detail{}}
}

func (r Row) mark() string {
	return r.State + "|" + r.Severity + "|" + r.Fingerprint + "|" + r.NextStepAt.String() + "|" + r.NotAfter.String()
}

// of gives what the certificates of some rows say, as far as they answer in time.
func (d *details) of(ctx context.Context, rows []Row) map[string]workflows.Status {
	out := map[string]workflows.Status{}
	var ask []Row
	d.mu.Lock()
	for _, r := range rows {
		x, ok := d.all[r.Name]
		if ok {
			out[r.Name] = x.status
		}
		if !ok || x.row != r.mark() || d.now().Sub(x.at) > detailFor {
			ask = append(ask, r)
		}
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	queue := make(chan Row)
	var all sync.WaitGroup
	for range min(askers, len(ask)) {
		all.Go(func() {
			for r := range queue {
				s, err := d.certificates.Status(ctx, r.Name)
				if err != nil {
					continue
				}
				d.mu.Lock()
				d.all[r.Name], out[r.Name] = detail{r.mark(), d.now(), s}, s
				d.mu.Unlock()
			}
		})
	}
	for _, r := range ask {
		select {
		case queue <- r:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	all.Wait()
	d.forget(rows)
	return out
}

// stale makes the next look ask a certificate again.
func (d *details) stale(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.all, name)
}

// forget keeps the memory as large as what is shown.
func (d *details) forget(shown []Row) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) <= 20*maxDetailed {
		return
	}
	keep := map[string]detail{}
	for _, r := range shown {
		if x, ok := d.all[r.Name]; ok {
			keep[r.Name] = x
		}
	}
	d.all = keep
}
