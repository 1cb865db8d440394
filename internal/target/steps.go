package target

import (
	"context"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Steps tells what Install would do; it changes nothing.
func (p *place) Steps(ctx context.Context) (s cert.Steps, err error) {
	err = p.connected(ctx, func(p *place) error {
		s = cert.Steps{Writes: p.layout.paths(), Check: commandLine(p.check), Reload: commandLine(p.reload)}
		return nil
	})
	return s, err
}

// Steps tells what Install would do; it changes nothing.
func (t *Apache) Steps(ctx context.Context) (cert.Steps, error) {
	s, err := t.place.Steps(ctx)
	s.Reload = commandLine(t.command("-k", "graceful"))
	return s, err
}

// Steps tells what Install would do; it changes nothing.
func (t *HAProxy) Steps(ctx context.Context) (cert.Steps, error) {
	s, err := t.place.Steps(ctx)
	s.Reload = "none: the running process is told by its socket " + t.options.Socket
	switch {
	case t.options.Socket == "":
		s.Reload = "by the master process, at its socket " + t.options.Master
	case t.options.Master != "":
		s.Reload += ", or is reloaded by the master process where it cannot take it"
	}
	return s, err
}

// commandLine writes an argument list for reading; no shell ever sees it.
func commandLine(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		if out[i] = a; a == "" || strings.ContainsAny(a, " \t\"'\\") || strconv.Quote(a) != `"`+a+`"` {
			out[i] = strconv.Quote(a)
		}
	}
	return strings.Join(out, " ")
}
