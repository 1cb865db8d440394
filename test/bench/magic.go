package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

func tlsConfig(root []byte) *tls.Config {
	return &tls.Config{RootCAs: pool(root), MinVersion: tls.VersionTLS12}
}

// magic is certmagic with files, as Caddy uses it, but without the limiter that
// allows ten certificates in ten seconds.
func magic(ctx context.Context, w *world) (func(int) (time.Duration, error), func(), error) {
	certmagic.RateLimitEvents, certmagic.RateLimitEventsWindow = 0, 0
	storage := &certmagic.FileStorage{Path: w.Dir + "/certmagic"}
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil }, Logger: zap.NewNop()})
	config = certmagic.New(cache, certmagic.Config{Storage: storage, Logger: zap.NewNop(), KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256}})
	issuer := certmagic.NewACMEIssuer(config, certmagic.ACMEIssuer{
		CA: w.CA.Directory(), Email: "bench@example.com", Agreed: true, TrustedRoots: pool(w.CA.TLSRoot()), DisableTLSALPNChallenge: true,
		AltHTTPPort: w.port, ListenHost: "127.0.0.1", Profile: "default", Logger: zap.NewNop(),
	})
	config.Issuers = []certmagic.Issuer{issuer}
	return timed(func(i int) error { return config.ObtainCertSync(ctx, fmt.Sprintf("magic-%d.test", i)) }), cache.Stop, nil
}
