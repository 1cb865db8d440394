package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/web"
)

// serve opens the HTTP listener: clicks of Slack, health and readiness.
func (a *App) serve() error {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", web.Healthz())
	mux.Handle("GET /readyz", web.Readyz(
		web.Check{Name: "temporal", Run: a.temporalAnswers},
		web.Check{Name: "worker polls", Run: a.polls},
	))
	if err := a.slack(mux); err != nil {
		return err
	}
	l, err := net.Listen("tcp", a.config.HTTP.Listen)
	if err != nil {
		return config.Under("http.listen", err)
	}
	a.addr = l.Addr()
	a.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := a.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.fatal <- fmt.Errorf("http: %w", err)
		}
	}()
	return nil
}

// slack serves the clicks of the configured Slack app. One HTTP address can
// belong to one app only, so a second channel must share its secret.
func (a *App) slack(mux *http.ServeMux) error {
	i := slices.IndexFunc(a.config.Channels, func(c config.Adapter) bool { return c.Kind == notify.KindSlack })
	if i < 0 {
		return nil
	}
	var o notify.SlackOptions
	path := fmt.Sprintf("channels[%d].options", i)
	if err := config.DecodeOptions(path, a.config.Channels[i].Options, &o); err != nil {
		return err
	}
	secret, err := o.ReadSigningSecret()
	if err != nil {
		return config.Under(path, err)
	}
	h, err := web.SlackHandler(web.SlackConfig{
		SigningSecret: secret, Answers: answers{a.client}, Person: a.config.Directory().BySlack, APIURL: o.APIURL, Log: a.logger,
	})
	if err != nil {
		return config.Under(path, err)
	}
	mux.Handle(web.SlackPath, h)
	return nil
}

func (a *App) temporalAnswers(ctx context.Context) error {
	_, err := a.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

// polls asks the server whether anybody polled our task queue lately.
func (a *App) polls(ctx context.Context) error {
	if !a.polling.Load() {
		return errors.New("not started, or stopping")
	}
	queue := a.config.Temporal.TaskQueue
	d, err := a.client.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return err
	}
	if len(d.GetPollers()) == 0 {
		return fmt.Errorf("nobody polls task queue %q", queue)
	}
	return nil
}
