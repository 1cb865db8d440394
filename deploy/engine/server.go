package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	ui "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/freeport"
	schema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	loopback = "127.0.0.1"
	active   = "active" // the name of the only cluster; the temporal CLI's, so that its files can be opened
	// retention keeps closed runs for longer than a year's certificate lives.
	retention = 400 * 24 * time.Hour
)

// start brings up the server and the UI and returns what stops them.
func (o *options) start() (stop func() error, err error) {
	if err := o.portsAreFree(); err != nil {
		return nil, err
	}
	store, err := o.store()
	if err != nil {
		return nil, err
	}
	cfg := o.serverConfig(store)
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, service := range cfg.Services {
		host := loopback
		if name == string(primitives.FrontendService) {
			host = o.dialIP()
		}
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(hostPort(host, service.RPC.GRPCPort))
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(o.logger()),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(o.dynamic),
	)
	if err != nil {
		return nil, fmt.Errorf("configure the server: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	if o.headless {
		return server.Stop, nil
	}
	web := o.webUI()
	go web.Start() // ends the process with a message when it cannot listen
	return func() error { web.Stop(); return server.Stop() }, nil
}

// store opens or makes the SQLite database and the namespaces in it.
func (o *options) store() (*config.SQL, error) {
	cfg := &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      o.dbFile,
		ConnectAttributes: map[string]string{"mode": "rwc"},
	}
	if o.dbFile == "" {
		cfg.DatabaseName = strconv.Itoa(rand.IntN(1 << 30))
		cfg.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
	} else if err := prepareFile(o.dbFile); err != nil {
		return nil, err
	}
	for k, v := range o.pragmas {
		cfg.ConnectAttributes[k] = v
	}
	var namespaces []*schema.NamespaceConfig
	for _, name := range o.namespaces {
		ns, err := schema.NewNamespaceConfig(active, name, false, o.attributes)
		if err != nil {
			return nil, fmt.Errorf("namespace %s: %w", name, err)
		}
		ns.Detail.Config.Retention = durationpb.New(retention)
		namespaces = append(namespaces, ns)
	}
	if err := schema.CreateNamespaces(cfg, namespaces...); err != nil {
		return nil, fmt.Errorf("create namespaces: %w", err)
	}
	return cfg, nil
}

func (o *options) serverConfig(store *config.SQL) *config.Config {
	frontend := config.RPC{GRPCPort: o.port, BindOnIP: o.ip, HTTPPort: o.httpPort}
	inner := func() config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: freeport.MustGetFreePort(), BindOnIP: loopback}}
	}
	cfg := &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: o.dialIP()}},
		Persistence: config.Persistence{
			DefaultStore: sqlite.PluginName, VisibilityStore: sqlite.PluginName, NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{sqlite.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: active, CurrentClusterName: active,
			ClusterInformation: map[string]cluster.ClusterInformation{active: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: hostPort(o.dialIP(), o.port), ClusterID: primitives.NewUUID().String(),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            map[string]config.Service{"frontend": {RPC: frontend}, "history": inner(), "matching": inner(), "worker": inner()},
		PublicClient:        config.PublicClient{HostPort: hostPort(o.dialIP(), o.port)},
	}
	if o.metricsPort > 0 {
		cfg.Global.Metrics = &metrics.Config{Prometheus: &metrics.PrometheusConfig{ListenAddress: hostPort(o.ip, o.metricsPort), HandlerPath: "/metrics"}}
	}
	for _, state := range []*string{
		&cfg.Archival.History.State, &cfg.Archival.Visibility.State,
		&cfg.NamespaceDefaults.Archival.History.State, &cfg.NamespaceDefaults.Archival.Visibility.State,
	} {
		*state = "disabled"
	}
	return cfg
}

func (o *options) webUI() *ui.Server {
	host := o.uiIP
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return ui.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: host, Port: o.uiPort, PublicPath: o.uiPublicPath, TemporalGRPCAddress: hostPort(o.dialIP(), o.port),
		EnableUI: true, HideLogs: true, DisableNewsFetch: true, DefaultNamespace: o.namespaces[len(o.namespaces)-1],
		Codec: uiconfig.Codec{Endpoint: o.uiCodecEndpoint},
		CORS:  uiconfig.CORS{CookieInsecure: true},
	}))
}

func (o *options) logger() log.Logger {
	if o.logLevel == "never" {
		return log.NewNoopLogger()
	}
	format := o.logFormat
	if format != "json" {
		format = "console"
	}
	zl := log.BuildZapLogger(log.Config{Level: o.logLevel, Format: format})
	return log.NewZapLogger(zl.WithOptions(zap.AddStacktrace(zap.DPanicLevel)))
}

// portsAreFree names the port that is taken; the server itself would log a stack trace.
func (o *options) portsAreFree() error {
	var errs []error
	check := func(flag, ip string, port int) {
		if port == 0 {
			return
		}
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", hostPort(ip, port))
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
			return
		}
		errs = append(errs, l.Close())
	}
	check("port", o.ip, o.port)
	check("http-port", o.ip, o.httpPort)
	check("metrics-port", o.ip, o.metricsPort)
	check("ui-port", o.uiIP, o.uiPort)
	return errors.Join(errs...)
}

// dialIP is where the server and the UI reach the front end themselves.
func (o *options) dialIP() string {
	if ip := net.ParseIP(o.ip); ip.IsUnspecified() {
		return loopback
	}
	return o.ip
}

func hostPort(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }
