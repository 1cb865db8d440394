package transit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
	"github.com/neverlapse/neverlapse/internal/store/transit"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
)

const keyName = "neverlapse"

// keys are made once, for one server serves all tests.
var keys sync.Once

// documentedPolicy is what docs/stores.md calls enough.
func documentedPolicy(t *testing.T) vaulttest.Policy {
	t.Helper()
	page, err := os.ReadFile("../../../docs/stores.md")
	must(t, err)
	out := vaulttest.Policy{}
	for _, m := range regexp.MustCompile(`path "([^"]+)" *{ *capabilities = \["([a-z]+)"\]`).FindAllStringSubmatch(string(page), -1) {
		out[m[1]] = append(out[m[1]], m[2])
	}
	if len(out) != 2 {
		t.Fatalf("docs/stores.md has no policy: %v", out)
	}
	return out
}

func TestMain(m *testing.M) { vaulttest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func server(t *testing.T) *vaulttest.Vault {
	t.Helper()
	v := vaulttest.Shared(t, func() vaulttest.World {
		p := documentedPolicy(t)
		return vaulttest.World{
			Tokens: map[string]vaulttest.Policy{vaulttest.Root: vaulttest.Everything, "hvs.store": p, "hvs.nothing": {}},
			Roles:  map[string]vaulttest.Role{"role": {SecretID: "secret-of-the-role", TTL: 3600, Policy: p}},
			Mounts: map[string]string{"transit": "transit", "secret": "2"},
		}
	})
	keys.Do(func() {
		for _, key := range []string{keyName, "other", "rotated"} {
			v.Do(t, http.MethodPost, "", "transit/keys/"+key, map[string]any{})
		}
	})
	return v
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(name, []byte(text+"\n"), 0o600))
	return name
}

func service(t *testing.T, key, token string) *transit.Service {
	t.Helper()
	v := server(t)
	s, err := transit.New(transit.Options{Key: key, Access: vaultapi.Access{Address: v.URL, RootFile: v.RootFile, TokenFile: file(t, token)}})
	must(t, err)
	return s
}

func keeper(t *testing.T, key, token string) *store.Remote {
	return store.NewRemote(service(t, key, token), time.Hour)
}

func open(ctx context.Context, dir string, k store.Keeper, old ...store.Keeper) (*store.Store, error) {
	m, err := store.Folder(dir)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, m, store.NewRing(k, old...))
}

func opened(t *testing.T, dir string, k store.Keeper, old ...store.Keeper) *store.Store {
	t.Helper()
	s, err := open(t.Context(), dir, k, old...)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func TestAStoreUnderVaultsTransitEngineKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		dir := filepath.Join(t.TempDir(), "store")
		return storetest.Backend{
			Open: func(t *testing.T) storetest.Store { return opened(t, dir, keeper(t, keyName, "hvs.store")) },
			OpenOther: func(t *testing.T) error {
				_, err := open(t.Context(), dir, keeper(t, "other", vaulttest.Root))
				return err
			},
			AtRest: func(t *testing.T) []byte { return everyByte(t, dir) },
		}
	})
}

func everyByte(t *testing.T, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	must(t, filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		all.Write(append([]byte(name+"\n"), data...))
		return err
	}))
	return all.Bytes()
}

func mentions(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%v (%s); want %s with %q", err, fault.KindOf(err), kind, says)
	}
}

func TestVaultsRefusalsHaveTheirKind(t *testing.T) {
	ctx := t.Context()
	wrap := func(s *transit.Service) error { _, err := s.Wrap(ctx, make([]byte, 32)); return err }
	mentions(t, wrap(service(t, keyName, "hvs.nothing")), fault.Configuration, "docs/stores.md shows the policy")
	mentions(t, wrap(service(t, "absent", "hvs.store")), fault.Configuration, "permission denied") // and none is made
	wrapped, err := service(t, keyName, "hvs.store").Wrap(ctx, make([]byte, 32))
	must(t, err)
	_, err = service(t, "other", vaulttest.Root).Unwrap(ctx, wrapped)
	mentions(t, err, fault.Configuration, "message authentication failed")

	v := server(t)
	kv, err := transit.New(transit.Options{Key: "x", Mount: "secret", Access: vaultapi.Access{Address: v.URL, RootFile: v.RootFile, TokenFile: file(t, vaulttest.Root)}})
	must(t, err)
	mentions(t, wrap(kv), fault.Configuration, "mount")
	byRole, err := transit.New(transit.Options{Key: keyName, Access: vaultapi.Access{Address: v.URL, RootFile: v.RootFile, RoleID: "role", SecretIDFile: file(t, "secret-of-the-role")}})
	must(t, err)
	must(t, wrap(byRole))

	v.Do(t, http.MethodPost, "", "sys/seal", nil)
	err = wrap(service(t, keyName, "hvs.store"))
	v.Do(t, http.MethodPost, "", "sys/unseal", nil)
	mentions(t, err, fault.Unavailable, "Vault is sealed")
}

func TestURLsThatCannotBeUsedAreRefused(t *testing.T) {
	good := vaultapi.Access{Address: "https://vault.test:8200", TokenEnv: "TOKEN"}
	for _, c := range []struct {
		o    transit.Options
		says string
	}{
		{transit.Options{Access: good}, "not the name of a key"},
		{transit.Options{Key: "a/b", Access: good}, "not the name of a key"},
		{transit.Options{Key: "a", Mount: "x/../y", Access: good}, "mount:"},
		{transit.Options{Key: "a", Access: vaultapi.Access{Address: "http://vault.test", TokenEnv: "TOKEN"}}, "address:"},
		{transit.Options{Key: "a", Access: vaultapi.Access{Address: "https://vault.test"}}, "token_file:"},
	} {
		if _, err := transit.New(c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
}

// failing wraps so many data keys and then no more.
type failing struct {
	*store.Remote
	left int
}

func (f *failing) Encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, errors.New("power was lost")
	}
	return f.Remote.Encrypt(ctx, plain)
}

func fill(t *testing.T, s *store.Store) (reads func(*store.Store)) {
	t.Helper()
	ctx := t.Context()
	secrets := map[string][]byte{}
	for i := range 6 {
		purpose := fmt.Sprint("purpose ", i)
		text, err := s.Secret(ctx, purpose)
		must(t, err)
		secrets[purpose] = text
	}
	pair, _, err := storetest.NewPair("www.example.com", time.Now())
	must(t, err)
	v, err := s.PutVersion(ctx, "www", "ca", pair)
	must(t, err)
	return func(s *store.Store) {
		t.Helper()
		got, err := s.Pair(ctx, "www", v.Fingerprint)
		must(t, err)
		if !bytes.Equal(got.Key, pair.Key) {
			t.Error("another key")
		}
		for purpose, want := range secrets {
			got, err := s.Secret(ctx, purpose)
			must(t, err)
			if !bytes.Equal(got, want) {
				t.Errorf("%s: another secret", purpose)
			}
		}
	}
}

func TestAStoreMovesFromALocalKeyToVaultAndBackAndACutInTheMiddleHarmsNothing(t *testing.T) {
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "store")
	local := func() store.Keeper { return localsecrets.NewKeeper([32]byte{1, 2, 3}) }
	reads := fill(t, opened(t, dir, local()))
	cut := opened(t, dir, &failing{keeper(t, keyName, "hvs.store"), 4}, local())
	if done, err := cut.RotateKey(ctx); err == nil || done.Anew != 4 {
		t.Errorf("%+v, %v", done, err)
	}
	reads(opened(t, dir, keeper(t, keyName, "hvs.store"), local()))
	if _, err := open(ctx, dir, keeper(t, keyName, "hvs.store")); !fault.Is(err, fault.Configuration) {
		t.Errorf("half of it is still under the old key: %v", err)
	}
	v := server(t)
	v.Do(t, http.MethodPost, "", "sys/seal", nil)
	s, err := open(ctx, dir, keeper(t, keyName, "hvs.store"), local())
	if err == nil { // the key check is still under the local key
		_, err = s.RotateKey(ctx)
		_ = s.Close()
	}
	v.Do(t, http.MethodPost, "", "sys/unseal", nil)
	mentions(t, err, fault.Unavailable, "Vault is sealed")

	done, err := opened(t, dir, keeper(t, keyName, "hvs.store"), local()).RotateKey(ctx)
	must(t, err)
	if done.Anew == 0 || done.Sealed-done.Anew != 4 {
		t.Errorf("%+v, want 4 that were wrapped before", done)
	}
	reads(opened(t, dir, keeper(t, keyName, "hvs.store")))
	_, err = open(ctx, dir, local())
	mentions(t, err, fault.Configuration, "not the one this store was made with")

	_, err = opened(t, dir, local(), keeper(t, keyName, "hvs.store")).RotateKey(ctx)
	must(t, err)
	reads(opened(t, dir, local()))
}

func TestAVersionOfTheKeyInVaultThatIsToEndIsReplacedByRotating(t *testing.T) {
	ctx, dir, v := t.Context(), filepath.Join(t.TempDir(), "store"), server(t)
	reads := fill(t, opened(t, dir, keeper(t, "rotated", vaulttest.Root)))
	none, err := opened(t, dir, keeper(t, "rotated", vaulttest.Root)).RotateKey(ctx)
	must(t, err)
	v.Do(t, http.MethodPost, "", "transit/keys/rotated/rotate", map[string]any{})
	reads(opened(t, dir, keeper(t, "rotated", vaulttest.Root)))
	all, err := opened(t, dir, keeper(t, "rotated", vaulttest.Root)).RotateKey(ctx)
	must(t, err)
	if none.Anew != 0 || all.Anew != all.Sealed || all.Sealed == 0 {
		t.Errorf("before %+v, after %+v", none, all)
	}
	v.Do(t, http.MethodPost, "", "transit/keys/rotated/config", map[string]any{"min_decryption_version": 2})
	reads(opened(t, dir, keeper(t, "rotated", vaulttest.Root)))
}
