package main

import (
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// placeView is what one place serves, or why that is not known. The JSON names
// are a contract with scripts.
type placeView struct {
	Where        string           `json:"where"`
	Fingerprint  cert.Fingerprint `json:"fingerprint,omitempty"`
	Live         *bool            `json:"live,omitempty"` // whether it is the version that the certificate counts as live
	Names        []string         `json:"names,omitempty"`
	Issuer       string           `json:"issuer,omitempty"`
	KeyAlgorithm string           `json:"keyAlgorithm,omitempty"`
	NotBefore    time.Time        `json:"notBefore,omitzero"`
	NotAfter     time.Time        `json:"notAfter,omitzero"`
	DaysLeft     *int             `json:"daysLeft,omitempty"`
	Problems     []string         `json:"problems,omitempty"`
	Error        string           `json:"error,omitempty"`
	At           time.Time        `json:"at"`
}

func (c *cli) placeOf(o cert.Observation) placeView {
	p := placeView{Where: o.Where(), Problems: o.Problems, Error: o.Err, At: o.At}
	if o.Seen() {
		v := o.Version
		days := cert.DaysLeft(c.now(), v.NotAfter)
		p.Fingerprint, p.Names, p.Issuer, p.KeyAlgorithm = v.Fingerprint, v.Names, v.Issuer, v.KeyAlgorithm
		p.NotBefore, p.NotAfter, p.DaysLeft = v.NotBefore, v.NotAfter, &days
	}
	return p
}

func (c *cli) places(s lifecycle.State) []placeView {
	out := []placeView{}
	for _, o := range s.Sight.Observations {
		p := c.placeOf(o)
		if o.Seen() && s.Live.Fingerprint != "" {
			live := o.Version.Fingerprint == s.Live.Fingerprint
			p.Live = &live
		}
		out = append(out, p)
	}
	return out
}

// troubles are what is wrong at a place, in words.
func (p placeView) troubles() []string {
	switch {
	case p.Error != "":
		return []string{p.Error}
	case p.Live != nil && !*p.Live:
		return append([]string{"another version than the live one"}, p.Problems...)
	}
	return p.Problems
}

func (c *cli) printPlaces(v view) error {
	if len(v.Places) == 0 {
		return nil
	}
	c.say("")
	if err := c.tableOfPlaces(v.Places); err != nil {
		return err
	}
	c.say("seen at %s", c.when(v.SeenAt))
	return nil
}

func (c *cli) tableOfPlaces(places []placeView) error {
	t := table{head: []string{"PLACE", "SERVES", "LEFT", "UNTIL", "TROUBLE"}}
	for _, p := range places {
		trouble := strings.Join(p.troubles(), "; ")
		t.add(clean(p.Where, 0), short(p.Fingerprint), c.left(p.NotAfter), c.when(p.NotAfter), clean(trouble, 0))
		if trouble != "" {
			t.color(4, yellow)
		}
	}
	return t.write(c.out, "", c.paint)
}
