package metrics

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Traces sends what workflows and activities do, and what follows from what, to an
// OpenTelemetry collector.
type Traces struct {
	provider *sdktrace.TracerProvider
	spans    interceptor.Interceptor
}

// NewTraces sends by OTLP over HTTP to endpoint (a URL); with an empty one the
// variables of OpenTelemetry (OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS and so on)
// say where. Nothing is dialled before there is something to send.
func NewTraces(ctx context.Context, endpoint, program, version string) (*Traces, error) {
	var options []otlptracehttp.Option
	if endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(endpoint))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	about := resource.NewSchemaless(attribute.String("service.name", program), attribute.String("service.version", version))
	t := &Traces{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))}
	t.spans, err = opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.provider.Tracer("neverlapse"), DisableBaggage: true, AllowInvalidParentSpans: true,
	})
	return t, err
}

// Interceptor makes the spans, of a client and of its workers.
func (t *Traces) Interceptor() interceptor.Interceptor { return t.spans }

// Stop sends what is left, as far as ctx allows.
func (t *Traces) Stop(ctx context.Context) error { return t.provider.Shutdown(ctx) }
