package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The queue timeout may lie between these.
const (
	minQueueTimeout = time.Second
	maxQueueTimeout = 10 * time.Minute
)

// Host is a machine with a worker of its own. It says which targets live there;
// what they are is configured on the host.
type Host struct {
	Name    string   `mapstructure:"name"`
	Key     string   `mapstructure:"key"`
	Targets []string `mapstructure:"targets"`
}

func (c Config) validateHosts() error {
	hosts := names{section: "hosts"}
	place := map[string]string{}
	for i, t := range c.Targets {
		place[t.Name] = fmt.Sprintf("targets[%d]", i)
	}
	for i, h := range c.Hosts {
		path := fmt.Sprintf("hosts[%d]", i)
		hosts.add(i, h.Name)
		if h.Name == c.Temporal.TaskQueue {
			hosts.errs = append(hosts.errs, wrong(path+".name", "%q is temporal.task_queue, which the workers of the centre serve; call the host something else", h.Name))
		}
		if h.Key == "" {
			hosts.errs = append(hosts.errs, wrong(path+".key", "is empty; write what this prints on the host: neverlapse-worker --role target --queue %s --init", h.Name))
		}
		if len(h.Targets) == 0 {
			hosts.errs = append(hosts.errs, wrong(path+".targets", "is empty; name the targets that the configuration on the host has"))
		}
		for j, t := range h.Targets {
			at := fmt.Sprintf("%s.targets[%d]", path, j)
			switch taken := place[t]; {
			case !namePattern.MatchString(t):
				hosts.errs = append(hosts.errs, wrong(at, "%q is not a name; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", t))
			case taken != "":
				hosts.errs = append(hosts.errs, wrong(at, "%q is the name of %s already; a target lives in one place", t, taken))
			}
			place[t] = at
		}
	}
	return errors.Join(hosts.errs...)
}

// ValidateForHost tells what is wrong with the configuration of a worker that
// serves the queue of a host: it joins Temporal, has targets and a part of the
// store, and nothing that belongs to the centre, least of all its secrets.
func (c Config) ValidateForHost(queue string) error {
	var errs []error
	if !namePattern.MatchString(queue) {
		errs = append(errs, fmt.Errorf("--queue: %q is not the name of a host; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", queue))
	}
	if queue == c.Temporal.TaskQueue {
		errs = append(errs, fmt.Errorf("--queue: %q is temporal.task_queue, which the workers of the centre serve; call the host something else", queue))
	}
	if c.Temporal.Address == "" {
		errs = append(errs, wrong("temporal.address", "is empty; write the host:port of the Temporal that the centre uses (one that it embeds listens where engine.ip and engine.port say)"))
	}
	if len(c.Targets) == 0 {
		errs = append(errs, wrong("targets", "is empty; write what is on this host"))
	}
	var centre []string
	for _, s := range []struct {
		name string
		n    int
	}{{"cas", len(c.CAs)}, {"dns", len(c.DNS)}, {"channels", len(c.Channels)}, {"people", len(c.People)}, {"teams", len(c.Teams)}, {"hosts", len(c.Hosts)}, {"routes", len(c.Routes)}, {"environments", len(c.Environments)}} {
		if s.n > 0 {
			centre = append(centre, s.name)
		}
	}
	for _, s := range centre {
		errs = append(errs, wrong(s, "belongs to the centre; a worker of role target needs data, temporal, store and targets only: remove it (of %s)", strings.Join(centre, ", ")))
	}
	return errors.Join(errs...)
}
