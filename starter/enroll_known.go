package main

import (
	"context"
	"errors"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// known are the certificates that the engine's index has, by name and by place.
type known struct {
	names  map[string]inIndex
	places map[string]string // endpoint -> name
}

// inIndex is one of them.
type inIndex struct {
	row
	places []string
}

// known asks the index once, so that what is enrolled already costs little. It
// may lag; what it lacks is found out when it is enrolled.
func (c *cli) known(ctx context.Context, w wish) (known, error) {
	out := known{names: map[string]inIndex{}, places: map[string]string{}}
	conn, err := c.connect(ctx)
	for token := []byte(nil); err == nil; {
		var page *workflowservice.ListWorkflowExecutionsResponse
		page, err = c.page(ctx, conn, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.config.Temporal.Namespace, Query: filter{}.query(), PageSize: pageSize, NextPageToken: token,
		})
		for _, e := range page.GetExecutions() {
			k := inIndex{row: rowOf(e)}
			var endpoints []cert.Endpoint
			read(e.GetMemo().GetFields()[workflows.MemoEndpoints], &endpoints)
			k.places = written(endpoints)
			for _, place := range k.places {
				out.places[place] = k.Name
			}
			out.names[k.Name] = k
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			break
		}
	}
	var p problem
	if w.dry && errors.As(err, &p) && p.code == exitUnreachable {
		c.remark("%s; what is enrolled already is not known", clean(p.text, 0))
		return out, nil
	}
	return out, err
}
