package engine

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// The test binary plays three parts: the tests, a server without a Temporal in it, and a worker that waits to be killed.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Println("fake (Server 9.9.9, UI 0.0.0)")
		syscall.Exit(0) // at once; os.Exit waits a second under the race detector
	case len(os.Args) > 1 && os.Args[1] == "server":
		fakeServer(os.Args[1:])
	case len(os.Args) == 4 && os.Args[1] == "worker":
		fakeWorker(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
}

// behave tells fake servers of a data directory what to do: "die", "mute" (never listen) or "deaf" (ignore SIGTERM).
func behave(t *testing.T, dir, how string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "behave"), []byte(how), 0o600); err != nil {
		t.Fatal(err)
	}
}

func fakeServer(args []string) {
	arg := func(name string) string { return args[slices.Index(args, name)+1] }
	dir := filepath.Dir(arg("--db-filename"))
	how, err := os.ReadFile(filepath.Join(dir, "behave"))
	if err != nil && !os.IsNotExist(err) {
		panic(err)
	}
	for name, lines := range map[string][]string{"args": args, "env": os.Environ()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			panic(err)
		}
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	switch string(how) {
	case "die":
		fmt.Fprintln(os.Stderr, "the disk is on fire")
		syscall.Exit(3)
	case "mute":
		<-terminated
		syscall.Exit(0)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(arg("--ip"), arg("--port")))
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer()
	checks := health.NewServer()
	checks.SetServingStatus("temporal.api.workflowservice.v1.WorkflowService", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(s, checks)
	workflowservice.RegisterWorkflowServiceServer(s, fakeFrontend{})
	operatorservice.RegisterOperatorServiceServer(s, fakeOperator{})
	go s.Serve(l)
	<-terminated
	if string(how) == "deaf" {
		select {}
	}
	s.Stop()
	syscall.Exit(0)
}

type fakeFrontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (fakeFrontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (fakeFrontend) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{Config: &namespace.NamespaceConfig{}}, nil
}

type fakeOperator struct {
	operatorservice.UnimplementedOperatorServiceServer
}

func (fakeOperator) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: SearchAttributes()}, nil
}

// fakeWorker starts an engine, says which process that is, and waits for the end it is about to get.
func fakeWorker(binary, dir string) {
	e, err := Start(context.Background(), Options{Binary: binary, DataDir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(e.PID())
	select {}
}

// fake returns options for a fake server with a data directory of its own.
func fake(t *testing.T) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Binary: self, DataDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func start(t *testing.T, o Options) *Engine {
	t.Helper()
	e, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t *testing.T, e *Engine) {
	t.Helper()
	if err := e.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(60*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}

// gone counts a process that nobody has reaped as gone.
func gone(pid int) bool {
	if !alive(pid) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsNotExist(err) && !alive(pid)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}
