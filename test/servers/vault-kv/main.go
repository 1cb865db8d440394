// Command vault-kv serves Vault's own KV and transit secrets engines, as Vault
// would, for the tests of the target vault and of the store's keys: the engines,
// their storage format and the way from their errors to HTTP are HashiCorp's code. The core of Vault cannot be
// built from the module proxy, so what stands before the engine is a stand-in:
// tokens, policies, AppRole, namespaces and the seal, in front.go. It keeps
// everything in memory.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/logical"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8200", "`address`")
	certFile := flag.String("cert", "", "`PEM` of the server")
	keyFile := flag.String("key", "", "`PEM` of its key")
	worldFile := flag.String("world", "", "`JSON` of tokens, roles and mounts")
	version := flag.Bool("version", false, "tell the version of the engine, and end")
	flag.Parse()
	if *version {
		fmt.Println(engineVersion())
		return
	}
	if err := serve(*listen, *certFile, *keyFile, *worldFile); err != nil {
		fmt.Fprintln(os.Stderr, "vault-kv:", err)
		os.Exit(1)
	}
}

func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var engines []string
	for _, m := range info.Deps {
		if strings.HasSuffix(m.Path, "vault-plugin-secrets-kv") || m.Path == "github.com/hashicorp/vault" {
			engines = append(engines, m.Path+" "+m.Version)
		}
	}
	return strings.Join(engines, ", ")
}

// World is what the tests want to find.
type World struct {
	// Tokens name their policies, by path; a path that ends in * is a prefix.
	Tokens map[string]Policy `json:"tokens"`
	Roles  map[string]Role   `json:"roles"`  // of AppRole, by role ID
	Mounts map[string]string `json:"mounts"` // version of the KV engine, or "transit", by [NAMESPACE/]MOUNT
}

// Policy gives capabilities by path.
type Policy map[string][]string

// Role is one of AppRole.
type Role struct {
	SecretID string  `json:"secretID"`
	TTL      float64 `json:"ttl"` // of its tokens, in seconds
	Policy   Policy  `json:"policy"`
}

func serve(listen, certFile, keyFile, worldFile string) error {
	data, err := os.ReadFile(worldFile)
	if err != nil {
		return err
	}
	f := front{logins: map[string]login{}, mounts: map[string]mount{}}
	if err := json.Unmarshal(data, &f.world); err != nil {
		return err
	}
	for where, version := range f.world.Mounts {
		if f.mounts[where], err = newMount(where, version); err != nil {
			return err
		}
	}
	server := http.Server{Addr: listen, Handler: &f, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServeTLS(certFile, keyFile)
}

// transitEngine stands where KV has the version of its engine.
const transitEngine = "transit"

func (m mount) kind() string {
	if m.version == transitEngine {
		return transitEngine
	}
	return "kv"
}

// mount is a real secrets engine.
type mount struct {
	version string
	engine  logical.Backend
	storage logical.Storage
}

func newMount(where, version string) (m mount, err error) {
	m = mount{version: version, storage: &logical.InmemStorage{}}
	c := &logical.BackendConfig{
		StorageView: m.storage, BackendUUID: strings.ReplaceAll(where, "/", "-"), Config: map[string]string{"version": version},
		Logger: hclog.New(&hclog.LoggerOptions{Output: io.Discard}),
		System: &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: time.Hour, Primary: true},
	}
	factory := kv.Factory
	if version == transitEngine {
		factory, c.Config = transit.Factory, nil
	}
	if m.engine, err = factory(context.Background(), c); err != nil {
		return m, err
	}
	return m, m.engine.Initialize(context.Background(), &logical.InitializationRequest{Storage: m.storage})
}
