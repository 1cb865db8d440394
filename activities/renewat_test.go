package activities_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// renewing is a source that can ask for renewals.
type renewing struct {
	source.Source
	asked []string
	fails error
}

func (r *renewing) Renew(_ context.Context, place, by string) error {
	if r.fails != nil {
		return r.fails
	}
	r.asked = append(r.asked, place+" by "+by)
	return nil
}

// ear hears what certificates are told.
type ear struct {
	activities.Herald
	heard []string
	deaf  error
}

func (e *ear) Elsewhere(_ context.Context, name string, asked activities.AskedElsewhere) error {
	e.heard = append(e.heard, fmt.Sprintf("%s %s %s/%s %q %q %t", name, asked.ID, asked.By, asked.Via, asked.Note, asked.Refused, asked.Forbidden))
	return e.deaf
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
	hears := &ear{}
	w.Herald = hears
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

	const place = "cert-manager:prod/shop/web"
	for name, c := range map[string]struct {
		by          string
		fails, deaf error
		heard       []string
		asked       int
	}{
		"who asks is on record": {by: "kim", asked: 1, heard: []string{`shop 7/asked/` + place + ` kim/cli "why" "" false`}},
		"who may not, too":      {by: "lee", heard: []string{`shop 7/forbidden/` + place + ` lee/cli "why" "lee may not renew-now shop; kim may (permissions in the worker's configuration); ask one of them" true`}},
		"and that it was not taken": {by: "kim", fails: fault.New(fault.Conflict, "it is being issued already"),
			heard: []string{`shop 7/asked/` + place + ` kim/cli "why" "" false`, `shop 7/refused/` + place + ` kim/cli "why" "it is being issued already" false`}},
		"nothing is asked for that is not on record": {by: "kim", deaf: fault.New(fault.Unavailable, "Temporal is away"), heard: []string{`shop 7/asked/` + place + ` kim/cli "why" "" false`}},
	} {
		able.asked, able.fails, hears.heard, hears.deaf = nil, c.fails, nil, c.deaf
		_, err := w.RenewAt(t.Context(), activities.RenewAt{ID: "7", Place: place, By: c.by, Via: "cli", Note: "why"})
		if (err == nil) != (c.asked == 1) || len(able.asked) != c.asked || !slices.Equal(hears.heard, c.heard) {
			t.Errorf("%s: %v %q %q", name, err, able.asked, hears.heard)
		}
	}
}
