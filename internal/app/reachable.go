package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
)

// reachable holds the channels that people and teams name against those that
// there are: a name with a typing error would reach nobody.
func reachable(c config.Config) error {
	var errs []error
	for i, p := range c.People {
		errs = append(errs, named(c, fmt.Sprintf("people[%d]", i), p.Channels, p.Addresses))
	}
	for i, t := range c.Teams {
		errs = append(errs, named(c, fmt.Sprintf("teams[%d]", i), t.Channels, t.Addresses))
	}
	return errors.Join(errs...)
}

func named(c config.Config, at string, channels []string, addresses map[string]string) error {
	var errs []error
	for i, name := range channels {
		path := fmt.Sprintf("%s.channels[%d]", at, i)
		kind, err := kindOf(c, path, name)
		if err == nil && !guaranteed(kind).Own {
			err = fmt.Errorf("%s: %s is of kind %s, which needs an address; write it under %s.addresses, or as %s of its own", path, name, kind, at, kind)
		}
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		path := at + ".addresses." + name
		kind, err := kindOf(c, path, name)
		if err == nil && guaranteed(kind).Own && kind != notify.KindWebhook {
			err = fmt.Errorf("%s: %s is of kind %s, which has a destination of its own; write its name under %s.channels", path, name, kind, at)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func kindOf(c config.Config, path, name string) (string, error) {
	var known []string
	for _, x := range c.Channels {
		if x.Name == name {
			return x.Kind, nil
		}
		known = append(known, x.Name)
	}
	return "", fmt.Errorf("%s: no channel is called %q; add it under channels or write one of %s", path, name, strings.Join(known, ", "))
}

func guaranteed(kind string) notify.Guarantees {
	i := slices.IndexFunc(notify.All, func(g notify.Guarantees) bool { return g.Kind == kind })
	if i < 0 {
		return notify.Guarantees{}
	}
	return notify.All[i]
}
