package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/web"
)

// lines are the channels in force, and the ways by which what people press there
// comes back. When the configuration of channels changes they are replaced whole;
// what is under way by the old ones ends there.
type lines struct {
	channels  []activities.Channeled
	slack     http.Handler // nil: no click comes by HTTP
	pagerDuty http.Handler // nil: no answer comes from there
	sockets   []*socket
}

// overlap is how long the connections of old lines stay at most once the new ones
// are tried, so that no click falls between them.
const overlap = 10 * time.Second

// channelsOf makes the channels of a configuration; all errors come at once.
func channelsOf(c config.Config) (out []activities.Channeled, err error) {
	for i, x := range c.Channels {
		path := fmt.Sprintf("channels[%d]", i)
		f, wrong := of(channels, path, x.Kind)
		var ch activities.Channeled
		if wrong == nil {
			ch, wrong = f(x, path)
		}
		if err = errors.Join(err, wrong); wrong == nil {
			out = append(out, ch)
		}
	}
	return out, err
}

// lines makes the channels of a configuration, ready to send and to be answered.
func (a *App) lines(c config.Config) (*lines, error) {
	all, err := channelsOf(c)
	if err != nil {
		return nil, err
	}
	for _, ch := range all {
		if mail, ok := ch.Channel.(*notify.Email); ok && a.paths != nil {
			mail.ReturnPath = func(address string) string { return a.paths.For(ch.Name, address, time.Now()) }
		}
	}
	l := &lines{channels: all}
	return l, errors.Join(a.slack(c, l), a.pagerDuty(c, l))
}

// pressed serves what people press by the lines that are in force.
func (a *App) pressed(by func(*lines) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := by(a.inForce.lines()); h != nil {
			h.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

func (a *App) answered(mux *http.ServeMux) {
	mux.Handle(web.SlackPath, a.pressed(func(l *lines) http.Handler { return l.slack }))
	mux.Handle(web.PagerDutyPath, a.pressed(func(l *lines) http.Handler { return l.pagerDuty }))
}

// connect keeps the connections of the lines in force, until ctx ends or other
// lines are connected.
func (a *App) connect(ctx context.Context) {
	before := a.unplug
	ctx, a.unplug = context.WithCancel(ctx)
	sockets := a.inForce.lines().sockets
	for _, s := range sockets {
		a.beside.Go(func() { s.Run(ctx) })
	}
	if before == nil {
		return
	}
	a.beside.Go(func() {
		defer before()
		ctx, cancel := context.WithTimeout(ctx, overlap)
		defer cancel()
		for _, s := range sockets {
			_ = s.First(ctx)
		}
	})
}
