package workflows

import (
	"context"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Gate holds people to what they may do. It stands in front of the updates, in
// the process that knows who asks: the directory is not there where an update
// is taken, and must not be, for what a certificate decided has to replay.
type Gate struct {
	Client    client.Client
	Directory func() people.Directory
	// Trusting lets names pass that are not in the directory: who asks was not
	// verified, and has Temporal at hand anyway.
	Trusting bool
	// Again reports whether the same refusal went on record lately; nil: never.
	Again func(certificate string, r Forbidden) bool
}

// Ask sends the update if who asks may do that, and waits for its answer. Whose
// the certificate is goes along, unless the sender says how they saw it. If not
// it is a people.Forbidden, and the certificate's journal tells of it.
func (u Update[In, Out]) Ask(ctx context.Context, g *Gate, name string, in In) (Out, error) {
	of, err := g.Let(ctx, name, people.Verb(u.Name), requestOf(in))
	if err != nil {
		var none Out
		return none, err
	}
	if r, ok := any(&in).(interface{ of(*lifecycle.Ownership) }); ok && requestOf(in).Of == nil {
		r.of(of)
	}
	return u.Call(ctx, g.Client, name, in)
}

func (r *Request) of(o *lifecycle.Ownership) { r.Of = o }

// Let tells whether somebody may do something, and whose the certificate is by
// which they were found to be allowed; nil if nobody had to look.
func (g *Gate) Let(ctx context.Context, name string, verb people.Verb, r Request) (*lifecycle.Ownership, error) {
	d := g.Directory()
	_, known := d.Person(r.By)
	passes := verb == people.Reassign || verb == people.TakeOver // of two at once the second hears of the first
	if free := len(d.People) == 0 && len(d.Teams) == 0 || g.Trusting && !known; free && !passes {
		return nil, nil
	}
	of, shown, err := g.owned(ctx, name)
	if err != nil {
		return nil, err
	}
	if !g.Trusting || known {
		err = d.May(r.By, people.Asked{Verb: verb, Certificate: name, Owner: of.Owner, Team: of.Team})
	}
	if err != nil {
		g.record(ctx, name, Forbidden{By: alert.Clean(r.By), Via: r.Via, Verb: string(verb), Text: err.Error()})
		return nil, err
	}
	if !shown {
		return nil, nil
	}
	return &of, nil
}

// owned reads whose a certificate is without needing a worker; shown tells that
// it has said so: one that has just begun has not.
func (g *Gate) owned(ctx context.Context, name string) (of lifecycle.Ownership, shown bool, err error) {
	d, err := g.Client.DescribeWorkflowExecution(ctx, WorkflowID(name), "")
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return of, false, fmt.Errorf("%s: %w", name, ErrNotEnrolled)
	case err != nil:
		return of, false, err
	}
	fields := d.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	return lifecycle.Ownership{Owner: keyword(fields, attrOwner.GetName()), Team: keyword(fields, attrTeam.GetName())}, keyword(fields, attrState.GetName()) != "", nil
}

func keyword(fields map[string]*commonpb.Payload, name string) (out string) {
	if p, ok := fields[name]; ok {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &out) // a payload of another kind names nobody
	}
	return out
}

// record tells the certificate what was refused. The refusal stands whether or
// not that can be put on record.
func (g *Gate) record(ctx context.Context, name string, r Forbidden) {
	if g.Again == nil || !g.Again(name, r) {
		_ = g.Client.SignalWorkflow(ctx, WorkflowID(name), "", SignalForbidden, r)
	}
}
