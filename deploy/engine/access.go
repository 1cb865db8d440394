package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
)

// access is who may call the front end. As a whole or in part it may be empty: then nobody is asked.
type access struct {
	certFile, keyFile, clientCAFile string // TLS of the front end; with a client CA only clients with a certificate of it
	apiKeyFile                      string // one key that is accepted on each line
}

// asks reports whether a caller has to show anything.
func (a access) asks() bool { return a.clientCAFile != "" || a.apiKeyFile != "" }

func (a access) validate() error {
	var errs []error
	if (a.certFile == "") != (a.keyFile == "") {
		errs = append(errs, errors.New("--tls-cert and --tls-key belong together"))
	}
	if a.asks() && a.certFile == "" {
		errs = append(errs, errors.New("--tls-client-ca and --api-key-file need --tls-cert and --tls-key: without TLS nobody is who they say"))
	}
	for flag, file := range map[string]string{"tls-cert": a.certFile, "tls-key": a.keyFile, "tls-client-ca": a.clientCAFile} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	if a.apiKeyFile != "" {
		if _, err := a.keys(); err != nil {
			errs = append(errs, fmt.Errorf("--api-key-file: %w", err))
		}
	}
	return errors.Join(errs...)
}

// tls has the server read renewed files again by itself.
func (a access) tls() config.RootTLS {
	if a.certFile == "" {
		return config.RootTLS{}
	}
	server := config.ServerTLS{CertFile: a.certFile, KeyFile: a.keyFile}
	if a.clientCAFile != "" {
		server.RequireClientAuth, server.ClientCAFiles = true, []string{a.clientCAFile}
	}
	return config.RootTLS{Frontend: config.GroupTLS{Server: server}, RefreshInterval: time.Minute}
}

// minKey is how many characters an API key has at least.
const minKey = 24

// keys gives the digests of what is accepted. Several lines let a key be replaced while both are in use.
func (a access) keys() ([][sha256.Size]byte, error) {
	data, err := os.ReadFile(a.apiKeyFile)
	if err != nil {
		return nil, err
	}
	var out [][sha256.Size]byte
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) < minKey {
			return nil, fmt.Errorf("%s: a key has %d characters; want %d or more", a.apiKeyFile, len(line), minKey)
		}
		out = append(out, sha256.Sum256([]byte(line)))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty", a.apiKeyFile)
	}
	return out, nil
}

func (a access) authorizer() authorization.Authorizer {
	if a.apiKeyFile == "" {
		return authorization.NewNoopAuthorizer()
	}
	return authorization.NewDefaultAuthorizer()
}

func (a access) claimMapper(*config.Config) authorization.ClaimMapper {
	if a.apiKeyFile == "" {
		return authorization.NewNoopClaimMapper()
	}
	return a
}

// GetClaims lets whoever shows a key do everything; the file is read each time, so that a key can be taken away.
func (a access) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	shown := sha256.Sum256([]byte(strings.TrimPrefix(info.AuthToken, "Bearer ")))
	known := 0
	for _, k := range keys {
		known |= subtle.ConstantTimeCompare(k[:], shown[:])
	}
	if known == 0 {
		return &authorization.Claims{}, nil
	}
	return &authorization.Claims{Subject: "api-key", System: authorization.RoleAdmin}, nil
}
