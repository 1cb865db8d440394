package store

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// holding is what a certificate holds. The rename of this record is the instant
// at which a claim counts; the places are an index that may name a holder whose
// record does not list the place, and then nobody holds it.
type holding struct {
	Holder string   `json:"holder"`
	Places []string `json:"places"`
}

type place struct {
	Place  string `json:"place"`
	Holder string `json:"holder"`
}

// Claim makes identities the places that name holds, all of them or none, and
// gives up those it held before that are not listed. fault.Conflict names the
// place and the certificate that holds it; an identity that is empty or not
// UTF-8 is fault.Invalid.
func (s *Store) Claim(ctx context.Context, name string, identities []string) error {
	if _, err := s.certificate(name); err != nil {
		return err
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(identities)))
	for _, id := range wanted {
		if id == "" || !utf8.ValidString(id) {
			return fault.New(fault.Invalid, "claim of %s: the identity %q is empty or not UTF-8", name, id)
		}
	}
	return s.room("claims", "holders", "places").locked(ctx, func(r room) error { return claims{r}.take(ctx, name, wanted) })
}

type claims struct{ room }

func (c claims) take(ctx context.Context, name string, wanted []string) error {
	held, err := c.held(ctx, name)
	if err != nil {
		return err
	}
	for _, id := range wanted {
		holder, err := c.holder(ctx, id)
		if err != nil {
			return err
		}
		if holder != "" && holder != name {
			return fault.New(fault.Conflict, "%s is held by the certificate %s; only one may write to a place", id, holder)
		}
	}
	if slices.Equal(held, wanted) {
		return c.settle(ctx, "holders")
	}
	for _, id := range wanted {
		if err := c.put(ctx, placeFile(id), place{Place: id, Holder: name}); err != nil {
			return err
		}
	}
	if err := c.put(ctx, "holders/"+name+".json", holding{Holder: name, Places: wanted}); err != nil {
		return err
	}
	for _, id := range held {
		if slices.Contains(wanted, id) {
			continue
		}
		if err := c.change.Remove(ctx, placeFile(id)); err != nil {
			return err
		}
	}
	return nil
}

// holder gives the certificate that holds a place; empty if none does.
func (c claims) holder(ctx context.Context, id string) (string, error) {
	var p place
	if err := c.get(ctx, placeFile(id), &p); err != nil || p.Holder == "" {
		return "", err
	}
	if p.Place != id {
		return "", damaged(c.medium, c.join(placeFile(id)), errMismatch)
	}
	held, err := c.held(ctx, p.Holder)
	if err != nil || !slices.Contains(held, id) {
		return "", err
	}
	return p.Holder, nil
}

func (c claims) held(ctx context.Context, name string) ([]string, error) {
	var h holding
	err := c.get(ctx, "holders/"+name+".json", &h)
	return h.Places, err
}

func placeFile(id string) string { return "places/" + component(id) + ".json" }

// get leaves into alone if there is no such file.
func (c claims) get(ctx context.Context, elem string, into any) error {
	data, err := c.read(ctx, elem)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if json.Unmarshal(data, into) != nil {
		return damaged(c.medium, c.join(elem), errors.New("it is not the JSON of a claim"))
	}
	return nil
}

func (c claims) put(ctx context.Context, elem string, from any) error {
	data, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		return err
	}
	return c.write(ctx, elem, append(data, '\n'))
}
