package metrics_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/metrics"
)

func TestACollectorIsToldWhatAnActivityDidAndNothingOfItsInput(t *testing.T) {
	got := make(chan *tracepb.ExportTraceServiceRequest, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in := &tracepb.ExportTraceServiceRequest{}
		if r.URL.Path != "/v1/traces" || proto.Unmarshal(body, in) != nil {
			t.Errorf("%s is no OTLP", r.URL.Path)
		}
		got <- in
	}))
	defer collector.Close()
	traces, err := metrics.NewTraces(t.Context(), collector.URL+"/v1/traces", "neverlapse-worker", "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{traces.Interceptor()}})
	install := hand{}.Install
	env.RegisterActivity(install)
	if _, err := env.ExecuteActivity(install, activities.DeployInput{Names: []string{"secret-of-names"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := traces.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	in := <-got
	text := in.String()
	spans := in.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	if len(spans) != 1 || !strings.HasPrefix(spans[0].GetName(), "RunActivity:Install") {
		t.Errorf("spans: %s", text)
	}
	if !strings.Contains(text, "neverlapse-worker") || strings.Contains(text, "secret-of-names") {
		t.Errorf("the collector was told: %s", text)
	}
}
