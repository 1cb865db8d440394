package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"github.com/neverlapse/neverlapse/internal/codec"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/engine"
)

// engineDir is where the embedded engine keeps its database.
func engineDir(c config.Config) string { return filepath.Join(c.Data, "engine") }

// Dial connects to the Temporal cluster of the configuration, or to the
// embedded engine that a worker with the same data folder runs.
func Dial(ctx context.Context, c config.Config, logger *slog.Logger) (client.Client, error) {
	if c.Temporal.Address != "" {
		return dialOnce(ctx, c, c.Temporal.Address, logger)
	}
	r, err := engine.Recorded(engineDir(c))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no engine was started in %s yet: start neverlapse-worker with the same configuration, or set temporal.address (--address)", c.Data)
	}
	if err != nil {
		return nil, err
	}
	return dialOnce(ctx, c, r.Address, logger)
}

// dialOnce connects for whoever does not stay: the keys are read once.
func dialOnce(ctx context.Context, c config.Config, address string, logger *slog.Logger) (client.Client, error) {
	keys, err := payloadCodec(c)
	if err != nil {
		return nil, err
	}
	return dial(ctx, c, address, logger, keys, watching{})
}

// UIURL is the address of the Temporal Web UI; "" if it is not known.
func UIURL(c config.Config) string {
	if c.Temporal.UIURL != "" || c.Temporal.Address != "" {
		return c.Temporal.UIURL
	}
	r, err := engine.Recorded(engineDir(c))
	if err != nil {
		return ""
	}
	return r.UIURL
}

// watching is what is told of what a client does; the zero value tells nobody.
type watching struct {
	numbers client.MetricsHandler
	spans   []interceptor.ClientInterceptor // count for the client's workers as well
	// process is who calls, and poller who asks for tasks, at the time; empty and
	// nil leave both to the SDK.
	process string
	poller  func() string
}

// options are those that every client has.
func options(c config.Config, logger *slog.Logger, told watching) client.Options {
	return client.Options{
		Namespace: c.Temporal.Namespace, Identity: told.process, Logger: log.NewStructuredLogger(logger), MetricsHandler: told.numbers,
		Interceptors: append(slices.Clip(told.spans), &asksAgain{}),
	}
}

// dial connects. What is sent is encrypted where the configuration says so.
func dial(ctx context.Context, c config.Config, address string, logger *slog.Logger, keys *codec.Codec, told watching) (client.Client, error) {
	o := options(c, logger, told)
	o.HostPort = address
	if c.Temporal.Address == "" { // the embedded engine: packing costs more than a loopback saves
		o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	if c.Temporal.APIKeyFile != "" {
		key, err := config.ReadSecret(c.Temporal.APIKeyFile)
		if err != nil {
			return nil, fmt.Errorf("temporal.api_key_file: %w", err)
		}
		o.Credentials = client.NewAPIKeyStaticCredentials(key)
	}
	if c.Temporal.UsesTLS() {
		t, err := tlsConfig(c.Temporal.TLS)
		if err != nil {
			return nil, config.Under("temporal.tls", err)
		}
		o.ConnectionOptions.TLS = t
	}
	keys.Client(&o)
	if told.poller != nil {
		o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(pollsAs(told.poller)))
	}
	conn, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, notReached(ctx, c, address, o.ConnectionOptions.TLS, err)
	}
	return conn, nil
}

// forWorker gives the client that a worker is made of, on the connection of conn.
func forWorker(ctx context.Context, conn client.Client, c config.Config, logger *slog.Logger, keys *codec.Codec, told watching) (client.Client, error) {
	o := options(c, logger, told)
	keys.Worker(&o)
	return client.NewClientFromExistingWithContext(ctx, conn, o)
}

func tlsConfig(t config.TLS) (*tls.Config, error) {
	out := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, err
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s holds no certificate", t.CAFile)
		}
	}
	return out, nil
}
