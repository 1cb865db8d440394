package metrics

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// outbound gives activities a logger that says what they are about. The SDK says
// by itself which activity it is, of which run, and which attempt.
type outbound struct {
	interceptor.ActivityOutboundInterceptorBase
}

func (o *outbound) GetLogger(ctx context.Context) log.Logger {
	s, _ := ctx.Value(subjectKey{}).(subject)
	return log.With(o.Next.GetLogger(ctx), s.fields()...)
}

// subject is what an activity is about, as far as its input says so.
type subject struct {
	certificate string
	version     cert.Fingerprint
	target      string
	channel     string
}

type subjectKey struct{}

func about(ctx context.Context, args []any) context.Context {
	s := subject{certificate: certificateOf(activity.GetInfo(ctx).WorkflowExecution.ID)}
	if len(args) > 0 {
		s.read(args[0])
	}
	return context.WithValue(ctx, subjectKey{}, s)
}

// read takes names and fingerprints out of an input, and nothing else of it.
func (s *subject) read(in any) {
	switch in := in.(type) {
	case activities.RecordInput:
		s.certificate = in.Name
	case activities.DeployInput:
		s.certificate, s.version, s.target = in.Name, in.Fingerprint, in.Target
	case activities.PromoteInput:
		s.certificate, s.version = in.Name, in.Fingerprint
	case activities.IssueInput:
		s.certificate, s.version = in.Name, in.Replaces
	case activities.VerifyInput:
		if len(in.Want) > 0 {
			s.version = in.Want[0]
		}
	case activities.RevokeInput:
		s.certificate, s.version = in.Name, in.Fingerprint
	case alert.Message:
		s.channel = in.Channel
		if in.Notice.Certificate != "" {
			s.certificate = in.Notice.Certificate
		}
	}
}

func (s subject) fields() (out []any) {
	for _, f := range []struct{ key, value string }{
		{"certificate", s.certificate}, {"version", s.version.Short()}, {"target", s.target}, {"channel", s.channel},
	} {
		if f.value != "" {
			out = append(out, f.key, alert.Clean(f.value))
		}
	}
	return out
}

// certificateOf reads the name of a certificate out of the ID of a workflow:
// certificate/NAME, renewal/NAME/VERSION or deployment/NAME/VERSION.
func certificateOf(id string) string {
	kind, rest, _ := strings.Cut(id, "/")
	switch kind {
	case "certificate":
		return rest
	case "renewal", "deployment":
		if i := strings.LastIndexByte(rest, '/'); i > 0 {
			return rest[:i]
		}
	}
	return ""
}

// say logs how an activity ended: failures for everybody to see, successes for
// those who look closely.
func (m *Metrics) say(ctx context.Context, took time.Duration, err error) {
	logger := activity.GetLogger(ctx)
	if err == nil {
		logger.Debug("an activity is done", "took", took)
		return
	}
	f, text := activities.FailureOf(err)
	logger.Warn("an activity failed", "took", took, "kind", string(f.Kind), "error", alert.Clean(text))
}
