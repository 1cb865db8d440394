package activities

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Authorities tells what CAs are configured, and asks them on request whether
// they can be reached and know our account. A CA in trouble is no error.
func (a *Activities) Authorities(ctx context.Context, in cert.AuthorityQuery) ([]cert.Authority, error) {
	names := in.Names
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(a.CAs))
	}
	var unknown []string
	for _, n := range names {
		if a.CAs[n] == nil {
			unknown = append(unknown, n)
		}
	}
	if len(unknown) > 0 {
		known := strings.Join(slices.Sorted(maps.Keys(a.CAs)), ", ")
		return nil, toTemporal(fault.New(fault.NotFound, "no CA is called %s in the worker's configuration; it has %s", strings.Join(unknown, ", "), known), a.Now())
	}
	out := make([]cert.Authority, len(names))
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		var all sync.WaitGroup
		for i, n := range names {
			all.Go(func() { out[i] = authority(ctx, n, a.CAs[n], in.Check) })
		}
		all.Wait()
		return nil
	})
	return out, err
}

func authority(ctx context.Context, name string, ca CA, check bool) cert.Authority {
	switch c, ok := ca.(Checker); {
	case !ok:
		return cert.Authority{Name: name}
	case check:
		return c.Check(ctx)
	default:
		return c.Describe()
	}
}
