package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	ui "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
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

// start brings up the server and the UI and returns what stops them, and where the loss of the database is told.
func (o *options) start() (stop func() error, lost <-chan error, err error) {
	if err := o.portsAreFree(); err != nil {
		return nil, nil, err
	}
	persistence, lost, err := o.persistence()
	if err != nil {
		return nil, nil, err
	}
	stop, err = o.serve(o.serverConfig(persistence))
	return stop, lost, err
}

func (o *options) serve(cfg *config.Config) (stop func() error, err error) {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, service := range cfg.Services {
		host := loopback
		if name == string(primitives.FrontendService) {
			host = o.dialIP()
		}
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(hostPort(host, service.RPC.GRPCPort))
	}
	services := slices.Collect(maps.Keys(cfg.Services))
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(services),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(o.logger()),
		temporal.WithAuthorizer(o.access.authorizer()),
		temporal.WithClaimMapper(o.access.claimMapper),
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
	behind := hostPort(o.dialIP(), o.port)
	if inner, ok := cfg.Services[innerFrontend]; ok {
		behind = hostPort(loopback, inner.RPC.GRPCPort)
	}
	web := o.webUI(behind)
	go web.Start() // ends the process with a message when it cannot listen
	return func() error { web.Stop(); return server.Stop() }, nil
}

// persistence opens or makes the databases and the namespaces in them.
func (o *options) persistence() (p config.Persistence, lost <-chan error, err error) {
	stores := map[string]config.DataStore{}
	p = config.Persistence{DefaultStore: "main", VisibilityStore: "main", NumHistoryShards: 1, DataStores: stores}
	main := (*config.SQL)(nil)
	if o.postgresFile != "" {
		pg, err := readPostgres(o.postgresFile)
		if err != nil {
			return p, nil, err
		}
		if err := pg.prepare(); err != nil {
			return p, nil, err
		}
		if lost, err = pg.claim(); err != nil {
			return p, nil, fmt.Errorf("database %s at %s: %w", pg.main.DatabaseName, pg.main.ConnectAddr, err)
		}
		main = pg.main
		p.VisibilityStore, p.NumHistoryShards, stores[visibility] = visibility, shards, config.DataStore{SQL: pg.visibility}
	} else if main, err = o.file(); err != nil {
		return p, nil, err
	}
	stores["main"] = config.DataStore{SQL: main}
	return p, lost, o.createNamespaces(main)
}

// file is the SQLite database, or one in memory.
func (o *options) file() (*config.SQL, error) {
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
	return cfg, nil
}

func (o *options) createNamespaces(cfg *config.SQL) error {
	var namespaces []*schema.NamespaceConfig
	for _, name := range o.namespaces {
		ns, err := schema.NewNamespaceConfig(active, name, false, o.attributes)
		if err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		ns.Detail.Config.Retention = durationpb.New(retention)
		namespaces = append(namespaces, ns)
	}
	if err := schema.CreateNamespaces(cfg, namespaces...); err != nil {
		return fmt.Errorf("create namespaces: %w", err)
	}
	return nil
}

// innerFrontend serves the server's own workers and the Web UI, on the loopback address, where callers of the front end are asked.
const innerFrontend = string(primitives.InternalFrontendService)

func (o *options) serverConfig(persistence config.Persistence) *config.Config {
	frontend := config.RPC{GRPCPort: o.port, BindOnIP: o.ip, HTTPPort: o.httpPort}
	inner := func() config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: freeport.MustGetFreePort(), BindOnIP: loopback}}
	}
	cfg := &config.Config{
		Global:      config.Global{TLS: o.access.tls(), Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: o.dialIP()}},
		Persistence: persistence,
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
	if o.access.certFile != "" {
		cfg.Services[innerFrontend], cfg.PublicClient.HostPort = inner(), ""
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

func (o *options) webUI(behind string) *ui.Server {
	host := o.uiIP
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return ui.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: host, Port: o.uiPort, PublicPath: o.uiPublicPath, TemporalGRPCAddress: behind,
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
