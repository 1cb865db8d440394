package activities_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// renewing is a source that can ask for renewals.
type renewing struct {
	source.Source
	asked []string
}

func (r *renewing) Renew(_ context.Context, place, by string) error {
	r.asked = append(r.asked, place+" by "+by)
	return nil
}

type roll []activities.Enrolled

func (r roll) Enrolled(context.Context, []byte) ([]activities.Enrolled, []byte, error) {
	return r, nil, nil
}

func TestARenewalIsAskedForWhereSomethingElseDoesIt(t *testing.T) {
	w := begin(t)
	able, only := &renewing{}, struct{ source.Source }{}
	for name, places := range map[string][]estate.Place{
		"cm":    {{Name: "cert-manager:prod/shop/gone", Of: "shop", Gone: time.Now()}, {Name: "cert-manager:prod/shop/web", Of: "shop"}},
		"disks": {{Name: "file:web1:/etc/ssl/shop.pem", Of: "shop"}},
	} {
		if err := w.disk.PutManifest(t.Context(), estate.Manifest{Source: name, Revision: 1, Places: places}); err != nil {
			t.Fatal(err)
		}
	}
	directory := people.Directory{People: []people.Person{{ID: "kim"}, {ID: "lee"}}, Permissions: people.Permissions{Operate: []string{people.TheOwner}}}
	w.Directory, w.Roll = func() people.Directory { return directory }, roll{{Name: "shop", Owner: "kim"}}
	w.Sources = func() map[string]activities.Sourced {
		return map[string]activities.Sourced{"cm": {Name: "cm", Kind: "cert-manager", Source: able}, "disks": {Name: "disks", Kind: "files", Source: only}}
	}
	for name, c := range map[string]struct {
		in   activities.RenewAt
		says string // empty: it is asked for
	}{
		"by place":            {activities.RenewAt{Place: "cert-manager:prod/shop/web", By: "kim"}, ""},
		"by name":             {activities.RenewAt{Of: "shop", By: "kim"}, ""},
		"by another":          {activities.RenewAt{Of: "shop", By: "lee"}, "lee may not"},
		"what is gone":        {activities.RenewAt{Place: "cert-manager:prod/shop/gone", By: "kim"}, "no source that can ask"},
		"what was never seen": {activities.RenewAt{Of: "other", By: "kim"}, "no source that can ask"},
		"what only looks":     {activities.RenewAt{Place: "file:web1:/etc/ssl/shop.pem", By: "kim"}, "only looks"},
	} {
		able.asked = nil
		got, err := w.RenewAt(t.Context(), c.in)
		switch {
		case c.says == "" && (err != nil || len(able.asked) != 1 || able.asked[0] != "cert-manager:prod/shop/web by kim" || len(got.Places) != 1):
			t.Errorf("%s: %v %v %q", name, got, err, able.asked)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || len(able.asked) > 0):
			t.Errorf("%s: %v %q, want %q", name, err, able.asked, c.says)
		}
	}
}
