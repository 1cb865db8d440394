package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/vault"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
)

// documented is the policy of docs/targets-cloud.md, where its tests find it.
const documented = "secret/data/tls/shop"

func world(t testing.TB) vaulttest.World {
	p := documentedPolicy(t)
	without := func(path string) vaulttest.Policy {
		out := vaulttest.Policy{}
		for k, v := range p {
			if k != path {
				out[k] = v
			}
		}
		return out
	}
	return vaulttest.World{
		Tokens: map[string]vaulttest.Policy{
			vaulttest.Root: vaulttest.Everything, "hvs.writer": p, "hvs.no-delete": without("secret/delete/tls/shop"),
			"hvs.reader": {documented: {"read"}}, "hvs.mute": {"secret/data/mute": {"create", "read", "update"}, "secret/delete/mute": {"update"}, "sys/capabilities-self": {"deny"}},
		},
		Roles:  map[string]vaulttest.Role{"role-1": {SecretID: "secret-of-the-role", TTL: 3600, Policy: vaulttest.Everything}},
		Mounts: map[string]string{"secret": "2", "old": "1", "team-a/kv": "2"},
	}
}

func TestMain(m *testing.M) { vaulttest.Main(m) }

// server serves all tests; each has secrets of its own.
func server(t testing.TB) *vaulttest.Vault {
	t.Helper()
	return vaulttest.Shared(t, func() vaulttest.World { return world(t) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var secrets atomic.Int64

// scene is one secret.
type scene struct {
	*vaulttest.Vault
	namespace, mount, path string
}

func newScene(t testing.TB) scene {
	t.Helper()
	return scene{server(t), "", "secret", fmt.Sprintf("test/%d", secrets.Add(1))}
}

func tokenFile(t testing.TB, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(path, []byte(token+"\n"), 0o600))
	return path
}

func (s scene) target(t testing.TB, token string, change ...func(*vault.Options)) *vault.Target {
	t.Helper()
	o := vault.Options{
		Access: vaultapi.Access{Address: s.URL, RootFile: s.RootFile, Namespace: s.namespace, TokenFile: tokenFile(t, token)}, Mount: s.mount, Path: s.path,
	}
	for _, f := range change {
		f(&o)
	}
	tgt, err := vault.New("web", o)
	must(t, err)
	return tgt
}

func (s scene) read(t testing.TB) (map[string]any, int) {
	t.Helper()
	return s.Read(t, s.namespace, s.mount, s.path)
}

func (s scene) put(t testing.TB, fields map[string]any) {
	t.Helper()
	s.Write(t, s.namespace, s.mount, s.path, fields)
}

// state is what a reader gets.
func (s scene) state(t testing.TB) string {
	t.Helper()
	fields, _ := s.read(t)
	if fields == nil {
		return "none"
	}
	out, err := json.Marshal(fields)
	must(t, err)
	return string(out)
}

func (s scene) delete(t testing.TB) {
	t.Helper()
	s.Do(t, http.MethodDelete, s.namespace, s.mount+"/data/"+s.path, nil)
}

// fields are those of a pair as somebody else would write them.
func fields(pair cert.Pair) map[string]any {
	return map[string]any{"certificate": string(pair.Chain), "private_key": string(pair.Key)}
}
