package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
)

// options is what `server start-dev` can be told, and `server start`, which is the same.
type options struct {
	ip, uiIP, uiPublicPath, uiCodecEndpoint string
	port, uiPort, httpPort, metricsPort     int
	headless                                bool
	namespaces                              []string
	dbFile, postgresFile                    string
	access                                  access
	pragmas                                 map[string]string
	attributes                              map[string]enums.IndexedValueType
	dynamic                                 dynamicconfig.StaticClient
	logLevel, logFormat                     string
}

// presetAttributes are the search attributes that every namespace is created with; --search-attribute adds to them.
func presetAttributes() map[string]enums.IndexedValueType {
	m := map[string]enums.IndexedValueType{}
	for _, name := range []string{"state", "severity", "owner", "team", "environment", "issuer", "fingerprint", "keyAlgorithm"} {
		m[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	for _, name := range []string{"notAfter", "nextStepAt"} {
		m[name] = enums.INDEXED_VALUE_TYPE_DATETIME
	}
	for _, name := range []string{"names", "hosts"} {
		m[name] = enums.INDEXED_VALUE_TYPE_KEYWORD_LIST
	}
	return m
}

func parseFlags(args []string) (*options, error) {
	o := &options{
		namespaces: []string{"default"},
		pragmas:    map[string]string{"journal_mode": "WAL", "synchronous": "NORMAL"},
		attributes: presetAttributes(),
		dynamic: dynamicconfig.StaticClient{
			dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 1000, // 10/s by default: too few for one page of counts
			dynamicconfig.HistoryCacheHostLevelMaxSize.Key():                 8192, // for a process that shares its machine
			dynamicconfig.EnableServerVersionCheck.Key():                     false,
		},
	}
	fs := flag.NewFlagSet("server start-dev", flag.ContinueOnError)
	str := func(p *string, value, usage string, names ...string) {
		for _, name := range names {
			fs.StringVar(p, name, value, usage)
		}
	}
	str(&o.ip, "127.0.0.1", "IP address of the gRPC front end", "ip")
	str(&o.uiIP, "", "IP address of the Web UI, which asks for no password (default: --ip, or 127.0.0.1 where the front end asks)", "ui-ip")
	str(&o.uiPublicPath, "", "path prefix of the Web UI", "ui-public-path")
	str(&o.uiCodecEndpoint, "", "codec server for the Web UI", "ui-codec-endpoint")
	str(&o.dbFile, "", "SQLite file (default: in memory)", "db-filename", "f")
	str(&o.postgresFile, "", "file with the URL of a PostgreSQL database, instead of SQLite", "postgres")
	str(&o.access.certFile, "", "certificate of the gRPC front end", "tls-cert")
	str(&o.access.keyFile, "", "its key", "tls-key")
	str(&o.access.clientCAFile, "", "only clients with a certificate of these CAs", "tls-client-ca")
	str(&o.access.apiKeyFile, "", "only clients with one of these API keys, one a line", "api-key-file")
	str(&o.logLevel, "warn", "debug, info, warn, error or never", "log-level")
	str(&o.logFormat, "text", "text or json", "log-format")
	fs.IntVar(&o.port, "port", 7233, "port of the gRPC front end")
	fs.IntVar(&o.port, "p", 7233, "short for --port")
	fs.IntVar(&o.uiPort, "ui-port", 0, "port of the Web UI (default: --port + 1000)")
	fs.IntVar(&o.httpPort, "http-port", 0, "port of the HTTP API (default: none)")
	fs.IntVar(&o.metricsPort, "metrics-port", 0, "port of /metrics (default: none)")
	fs.BoolVar(&o.headless, "headless", false, "no Web UI")
	for _, name := range []string{"namespace", "n"} {
		fs.Func(name, "namespace to create beside `default`; repeatable", o.addNamespace)
	}
	fs.Func("sqlite-pragma", "`NAME=VALUE`; repeatable", pairs(func(k, v string) error { o.pragmas[k] = v; return nil }))
	fs.Func("search-attribute", "`NAME=TYPE`; repeatable", pairs(o.addAttribute))
	fs.Func("dynamic-config-value", "`KEY=JSON`; repeatable", pairs(o.addDynamic))
	fs.SetOutput(io.Discard)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; `server start-dev --help` lists the flags", err)
	}
	return o, o.finish(fs.Args())
}

// finish fills in what depends on other flags and refuses what cannot work.
func (o *options) finish(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected arguments: %s", strings.Join(rest, " "))
	}
	if o.uiIP == "" {
		o.uiIP = o.ip
		if o.access.asks() { // the UI itself asks nobody
			o.uiIP = loopback
		}
	}
	if o.uiPort == 0 && !o.headless {
		o.uiPort = min(o.port+1000, 65535)
	}
	errs := []error{o.access.validate()}
	if o.postgresFile != "" && o.dbFile != "" {
		errs = append(errs, errors.New("--postgres and --db-filename exclude each other"))
	}
	for _, ip := range []*string{&o.ip, &o.uiIP} {
		if *ip == "localhost" {
			*ip = "127.0.0.1"
		}
		if net.ParseIP(*ip) == nil {
			errs = append(errs, fmt.Errorf("%q is not an IP address", *ip))
		}
	}
	for name, port := range map[string]int{"port": o.port, "ui-port": o.uiPort, "http-port": o.httpPort, "metrics-port": o.metricsPort} {
		if port < 0 || port > 65535 || (name == "port" && port == 0) {
			errs = append(errs, fmt.Errorf("--%s %d: want 1 to 65535", name, port))
		}
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error", "never"}, o.logLevel) {
		errs = append(errs, fmt.Errorf("--log-level %q: want debug, info, warn, error or never", o.logLevel))
	}
	if !slices.Contains([]string{"text", "pretty", "json"}, o.logFormat) {
		errs = append(errs, fmt.Errorf("--log-format %q: want text or json", o.logFormat))
	}
	return errors.Join(errs...)
}

func (o *options) addNamespace(name string) error {
	if name != "" && !slices.Contains(o.namespaces, name) {
		o.namespaces = append(o.namespaces, name)
	}
	return nil
}

func (o *options) addAttribute(name, kind string) error {
	t, err := enums.IndexedValueTypeFromString(kind)
	if err != nil {
		return fmt.Errorf("%q is not a type; want Keyword, KeywordList, Text, Int, Double, Bool or Datetime", kind)
	}
	o.attributes[name] = t
	return nil
}

// addDynamic decodes numbers as the int that dynamic config asks for where it can.
func (o *options) addDynamic(key, value string) error {
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return fmt.Errorf("the value of %s is not JSON: %w", key, err)
	}
	if n, err := strconv.Atoi(value); err == nil {
		v = n
	}
	o.dynamic[dynamicconfig.MakeKey(key)] = v
	return nil
}

func pairs(set func(k, v string) error) func(string) error {
	return func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return fmt.Errorf("want NAME=VALUE, not %q", s)
		}
		return set(k, v)
	}
}
