package notifytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Alertmanager is a stand-in for the troubles that a real one does not have on
// demand; that it takes what we send is shown with a real one.
type Alertmanager struct {
	*Vendor

	mu     sync.Mutex
	alerts map[string]AlertThere
	taken  []AlertThere
}

// AlertThere is an alert as Alertmanager has it.
type AlertThere struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// Key is what makes two alerts the same.
func (a AlertThere) Key() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		fmt.Fprintf(&b, "%s=%q,", name, a.Labels[name])
	}
	return b.String()
}

// NewAlertmanager listens on a free loopback port.
func NewAlertmanager() (*Alertmanager, error) {
	a := &Alertmanager{alerts: map[string]AlertThere{}}
	var err error
	a.Vendor, err = NewVendor(a.take)
	return a, err
}

// Taken gives what was posted, oldest first.
func (a *Alertmanager) Taken() []AlertThere {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.taken)
}

// Open counts the alerts that have not ended.
func (a *Alertmanager) Open() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.alerts {
		if x.EndsAt.After(time.Now()) {
			n++
		}
	}
	return n
}

var isLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (a *Alertmanager) take(asked Asked) Said {
	no := func(why string) Said {
		text, _ := json.Marshal(why)
		return Said{400, string(text)}
	}
	var all []AlertThere
	if asked.Path != "/api/v2/alerts" {
		return Said{404, "404 page not found"}
	}
	if err := exactly(asked.Body, &all); err != nil {
		return no(err.Error())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range all {
		switch {
		case len(x.Labels) == 0:
			return no("at least one label pair required")
		case !x.StartsAt.IsZero() && x.EndsAt.Before(x.StartsAt):
			return no("start time must be before end time")
		case x.GeneratorURL != "" && !isURL.MatchString(x.GeneratorURL):
			return no("generatorURL in body must be of type uri")
		}
		for name := range x.Labels {
			if !isLabel.MatchString(name) {
				return no("invalid label set: invalid name " + name)
			}
		}
	}
	for _, x := range all {
		a.alerts[x.Key()] = x
		a.taken = append(a.taken, x)
	}
	return Said{200, ""}
}
