package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func (r Request) order(at time.Time) lifecycle.Order {
	return lifecycle.Order{By: r.By, Via: r.Via, At: at, Note: r.Note}
}

func (in RenewRequest) renewing(at time.Time) lifecycle.Order {
	o := in.order(at)
	o.New, o.Override = in.New, in.OverrideFreeze
	return o
}

// override notes that a freeze holds the certificate no more, if somebody says so.
func (c *certificate) override(ctx workflow.Context, o lifecycle.Order) {
	if !o.Override {
		return
	}
	if t := c.State.OverrideFreeze(workflow.Now(ctx), o); t != nil {
		c.note(ctx, entry{Kind: "freeze-overridden", Text: fmt.Sprintf("freeze %s, until %s, was overridden", t.Name(), clock(t.Until)), By: o.By, Via: o.Via, Note: o.Note})
	}
}

func (c *certificate) renewNow(ctx workflow.Context, in RenewRequest) Taken {
	if c.count(in.ID) {
		o := in.renewing(workflow.Now(ctx))
		c.State.Renew = &o
		c.override(ctx, o)
		c.note(ctx, entry{Kind: "renew-asked", Text: "a renewal was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"the renewal of " + c.State.Spec.Name + " begins now"}
}

func (c *certificate) observeNow(ctx workflow.Context, in Request) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		c.State.Look = &o
		c.note(ctx, entry{Kind: "check-asked", Text: "a check was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"every place of " + c.State.Spec.Name + " is looked at now"}
}

func (c *certificate) rollBack(ctx workflow.Context, in RollBackRequest) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		o.Fingerprint = in.To
		c.State.AskRollBack(o)
		c.note(ctx, entry{Kind: "rollback-asked", Text: "rolling back to " + c.State.RollBack.Fingerprint.Short() + " was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"rolling back begins now; automation keeps its hands off until: neverlapse resume " + c.State.Spec.Name}
}

func (in DeployRequest) deploying(at time.Time) lifecycle.Order {
	o := in.order(at)
	o.Fingerprint, o.Targets, o.Override = in.Version, in.Targets, in.OverrideFreeze
	return o
}

func (c *certificate) deploy(ctx workflow.Context, in DeployRequest) Taken {
	if c.count(in.ID) {
		c.State.AskDeploy(in.deploying(workflow.Now(ctx)))
		o := c.State.Deploy
		c.override(ctx, *o)
		c.note(ctx, entry{Kind: "deploy-asked", Text: "deploying " + o.Fingerprint.Short() + " to " + strings.Join(o.Targets, ", ") + " was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	text := "deploying begins now"
	if in.Version != "" && in.Version != c.State.Live.Fingerprint {
		text += "; it is not the live version, see: neverlapse status " + c.State.Spec.Name
	}
	return Taken{text}
}

func (c *certificate) setSpec(ctx workflow.Context, in SetSpecRequest) Taken {
	if c.count(in.ID) {
		c.State.SetSpec(in.Spec)
		c.State.ChangedBy = in.By
		c.respecced, c.Unclaimed = true, true
		c.note(ctx, entry{Kind: "changed", Text: "the spec was replaced; " + enrolledText(in.Spec), By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"the spec of " + c.State.Spec.Name + " is replaced"}
}

func (c *certificate) setPolicy(ctx workflow.Context, in SetPolicyRequest) Changed {
	hash := in.Policy.Hash()
	if before := c.State.Spec.PolicyHash; before == hash || !c.count(in.ID) {
		return Changed{Text: fmt.Sprintf("%s carries policy %s (%s) already", c.State.Spec.Name, in.Policy.Name, hash)}
	}
	text := fmt.Sprintf("policy %s changed: %s, before %s", in.Policy.Name, hash, c.State.Spec.PolicyHash)
	c.State.SetPolicy(in.Policy)
	c.respecced = true
	c.note(ctx, entry{Kind: "changed", Text: text, By: in.By, Via: in.Via, Note: in.Note})
	c.changed()
	return Changed{true, text}
}

func (c *certificate) pause(ctx workflow.Context, in PauseRequest) Taken {
	if c.count(in.ID) {
		c.State.Paused = &lifecycle.Pause{Order: in.order(workflow.Now(ctx)), Until: in.Until}
		c.note(ctx, entry{Kind: "paused", Text: "renewal is paused until " + clock(in.Until), By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"no renewal of " + c.State.Spec.Name + " before " + clock(in.Until) + "; alerts go on"}
}

func (c *certificate) resume(ctx workflow.Context, in Request) Taken {
	if c.count(in.ID) {
		c.State.Resume()
		c.note(ctx, entry{Kind: "resumed", Text: "renewal goes on", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"the renewal of " + c.State.Spec.Name + " goes on"}
}

func (c *certificate) retire(ctx workflow.Context, in RetireRequest) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		c.State.Retire = &o
	}
	return Taken{c.State.Spec.Name + " is retired: nobody guards it any more"}
}
