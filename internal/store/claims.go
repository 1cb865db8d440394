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
func (s *Files) Claim(ctx context.Context, name string, identities []string) error {
	if _, err := s.certificate(name); err != nil {
		return err
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(identities)))
	for _, id := range wanted {
		if id == "" || !utf8.ValidString(id) {
			return fault.New(fault.Invalid, "claim of %s: the identity %q is empty or not UTF-8", name, id)
		}
	}
	r := room{store: s, path: "claims", folders: []string{"holders", "places"}}
	return r.locked(ctx, func() error { return claims{r}.take(name, wanted) })
}

type claims struct{ room }

func (c claims) take(name string, wanted []string) error {
	held, err := c.held(name)
	if err != nil {
		return err
	}
	for _, id := range wanted {
		holder, err := c.holder(id)
		if err != nil {
			return err
		}
		if holder != "" && holder != name {
			return fault.New(fault.Conflict, "%s is held by the certificate %s; only one may write to a place", id, holder)
		}
	}
	if slices.Equal(held, wanted) {
		return c.settle("holders")
	}
	for _, id := range wanted {
		if err := c.put(placeFile(id), place{Place: id, Holder: name}); err != nil {
			return err
		}
	}
	if err := c.put("holders/"+name+".json", holding{Holder: name, Places: wanted}); err != nil {
		return err
	}
	for _, id := range held {
		if slices.Contains(wanted, id) {
			continue
		}
		if err := c.store.root.Remove(c.join(placeFile(id))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return c.store.failed(err)
		}
	}
	return nil
}

// holder gives the certificate that holds a place; empty if none does.
func (c claims) holder(id string) (string, error) {
	var p place
	if err := c.get(placeFile(id), &p); err != nil || p.Holder == "" {
		return "", err
	}
	if p.Place != id {
		return "", c.store.damaged(c.join(placeFile(id)), errMismatch)
	}
	held, err := c.held(p.Holder)
	if err != nil || !slices.Contains(held, id) {
		return "", err
	}
	return p.Holder, nil
}

func (c claims) held(name string) ([]string, error) {
	var h holding
	err := c.get("holders/"+name+".json", &h)
	return h.Places, err
}

func placeFile(id string) string { return "places/" + component(id) + ".json" }

// get leaves into alone if there is no such file.
func (c claims) get(elem string, into any) error {
	data, err := c.read(elem)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if json.Unmarshal(data, into) != nil {
		return c.store.damaged(c.join(elem), errors.New("it is not the JSON of a claim"))
	}
	return nil
}

func (c claims) put(elem string, from any) error {
	data, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		return err
	}
	return c.write(elem, append(data, '\n'))
}
