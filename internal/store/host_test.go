package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

var (
	_ activities.Hosts     = (*store.Store)(nil)
	_ activities.HostStore = (*store.Host)(nil)
)

// hostOf gives the options of a host and the public half of its new key.
func hostOf(t *testing.T, dir, name string) (store.Options, string) {
	t.Helper()
	o := store.Options{Path: filepath.Join(dir, "hosts", name), KeyFile: filepath.Join(t.TempDir(), "host.key")}
	must(t, store.GenerateHostKeyFile(o.KeyFile))
	public, err := o.HostPublicKey()
	must(t, err)
	return o, public.String()
}

func openHost(t *testing.T, o store.Options, name string) *store.Host {
	t.Helper()
	h, err := o.OpenHost(name)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

func putPair(t *testing.T, s *store.Store, name string) (cert.Version, cert.Pair) {
	t.Helper()
	pair, _, err := storetest.NewPair(name+".example.com", start)
	must(t, err)
	v, err := s.PutVersion(t.Context(), name, "ca", pair)
	must(t, err)
	return v, pair
}

// The host holds its key and a copy of the whole store, and may put any sealed
// object where it looks for what was given to it.
func TestAHostWithACopyOfTheWholeStoreOpensOnlyWhatWasHandedToIt(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	s := open(t, dir)
	mine, pair := putPair(t, s, "shop")
	others, _ := putPair(t, s, "bank")
	elsewhere, _ := putPair(t, s, "mail")
	o, key := hostOf(t, dir, "web7")
	_, key8 := hostOf(t, dir, "web8")
	must(t, s.HandOver(ctx, "shop", mine.Fingerprint, "web7", key))
	must(t, s.HandOver(ctx, "mail", elsewhere.Fingerprint, "web8", key8))

	stolen := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(stolen, os.DirFS(dir)))
	o.Path = filepath.Join(stolen, "hosts/web7")
	h := openHost(t, o, "web7")
	got, err := h.Pair(ctx, "shop", mine.Fingerprint)
	must(t, err)
	if string(got.Key) != string(pair.Key) || string(got.Chain) != string(pair.Chain) {
		t.Error("what was handed over came out otherwise")
	}
	_, err = h.Pair(ctx, "bank", others.Fingerprint)
	wantKind(t, err, fault.NotFound, "bank")

	version := func(name string, v cert.Version) string {
		return filepath.Join(stolen, "certificates", name, "versions", string(v.Fingerprint), "key.sealed")
	}
	for from, v := range map[string]cert.Version{
		version("bank", others): others, version("shop", mine): others, version("mail", elsewhere): elsewhere,
		filepath.Join(stolen, "hosts/web8/given/certificates/mail/versions", string(elsewhere.Fingerprint)+".sealed"): elsewhere,
		filepath.Join(stolen, "hosts/web7/given/certificates/shop/versions", string(mine.Fingerprint)+".sealed"):      others,
		filepath.Join(stolen, "key-check.sealed"): others,
	} {
		blob, err := os.ReadFile(from)
		must(t, err)
		as := filepath.Join(stolen, "hosts/web7/given/certificates/bank/versions", string(v.Fingerprint)+".sealed")
		must(t, os.MkdirAll(filepath.Dir(as), 0o700))
		must(t, os.WriteFile(as, blob, 0o600))
		if _, err := h.Pair(ctx, "bank", v.Fingerprint); !fault.Is(err, fault.Configuration) {
			t.Errorf("%s under another name: %v", from, err)
		}
	}
	_, err = store.Options{Path: stolen, KeyFile: o.KeyFile}.Open(ctx)
	wantKind(t, err, fault.Configuration, "holds the key of a host")
}

func TestAVersionForAnotherKeyIsSaidToBe(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	s := open(t, dir)
	v, _ := putPair(t, s, "shop")
	o, key := hostOf(t, dir, "web7")
	_, former := hostOf(t, dir, "web7")
	must(t, s.HandOver(ctx, "shop", v.Fingerprint, "web7", former))
	h := openHost(t, o, "web7")
	_, err := h.Pair(ctx, "shop", v.Fingerprint)
	wantKind(t, err, fault.Configuration, "in the centre's configuration "+key)
	must(t, s.HandOver(ctx, "shop", v.Fingerprint, "web7", key))
	_, err = h.Pair(ctx, "shop", v.Fingerprint)
	must(t, err)
}

func TestWhatAHostKeepsIsItsOwn(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	s := open(t, dir)
	must(t, s.Welcome(ctx, "web7"))
	o, key := hostOf(t, dir, "web7")
	h := openHost(t, o, "web7")
	_, err := h.Capture(ctx, "shop", "run", "web")
	wantKind(t, err, fault.NotFound, "shop")
	must(t, h.PutCapture(ctx, "shop", "run", "web", []byte("what was there")))
	must(t, h.PutCapture(ctx, "shop", "run", "web", []byte("what came later")))
	got, err := h.Capture(ctx, "shop", "run", "web")
	must(t, err)
	if string(got) != "what was there" {
		t.Errorf("it gives back %q", got)
	}
	if strings.Contains(string(everyByte(t, dir)), "what was there") {
		t.Error("a capture lies open")
	}

	// Whoever knows only the public half of the key can make nothing that is taken for a capture.
	v, _ := putPair(t, s, "shop")
	must(t, s.HandOver(ctx, "shop", v.Fingerprint, "web7", key))
	blob, err := os.ReadFile(filepath.Join(dir, "hosts/web7/given/certificates/shop/versions", string(v.Fingerprint)+".sealed"))
	must(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "hosts/web7/kept/certificates/shop/captures/*"))
	must(t, err)
	must(t, os.WriteFile(files[0], blob, 0o600))
	_, err = h.Capture(ctx, "shop", "run", "web")
	wantKind(t, err, fault.Configuration, "capture")

	report := cert.HostReport{At: start, Targets: []cert.HostTarget{{Name: "web", Kind: "nginx", Places: []string{"file:web7:/etc/tls"}}}}
	_, err = s.Reported(ctx, "web7")
	wantKind(t, err, fault.NotFound, "web7")
	must(t, h.Report(ctx, report))
	back, err := s.Reported(ctx, "web7")
	must(t, err)
	if back.Host != "web7" || len(back.Targets) != 1 || back.Targets[0].Places[0] != "file:web7:/etc/tls" {
		t.Errorf("the centre reads %+v", back)
	}
}

func TestAHostIsHandedAChainWhoseKeyItHasAlready(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	s := open(t, dir)
	pair, _, err := storetest.NewPair("shop.example.com", start)
	must(t, err)
	v, err := s.PutVersion(ctx, "shop", "ca", cert.Pair{Chain: pair.Chain, KeptKey: true})
	must(t, err)
	o, key := hostOf(t, dir, "web7")
	must(t, s.HandOver(ctx, "shop", v.Fingerprint, "web7", key))
	got, err := openHost(t, o, "web7").Pair(ctx, "shop", v.Fingerprint)
	must(t, err)
	if !got.KeptKey || len(got.Key) > 0 || string(got.Chain) != string(pair.Chain) {
		t.Errorf("it came out with KeptKey %t and %d bytes of key", got.KeptKey, len(got.Key))
	}
}

func TestTheWrongFolderOrKeyOfAHostIsRefusedByName(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	s := open(t, dir)
	must(t, s.Welcome(ctx, "web7"))
	o, key := hostOf(t, dir, "web7")
	_, err := o.OpenHost("web8")
	wantKind(t, err, fault.Configuration, `is the folder of host "web7", not of "web8"`)
	for path, says := range map[string]string{dir: "is it mounted?", filepath.Join(dir, "nothing"): "share the folder hosts/web7"} {
		bad := o
		bad.Path = path
		_, err := bad.OpenHost("web7")
		wantKind(t, err, fault.Configuration, says)
	}
	missing := o
	missing.KeyFile += ".none"
	_, err = missing.OpenHost("web7")
	wantKind(t, err, fault.Configuration, "--init")
	must(t, os.WriteFile(missing.KeyFile, []byte(keyText(rightKey)), 0o600))
	_, err = missing.OpenHost("web7")
	wantKind(t, err, fault.Configuration, "the key of the store belongs on no host")

	v, _ := putPair(t, s, "shop")
	secret, err := os.ReadFile(o.KeyFile)
	must(t, err)
	for text, says := range map[string]string{"": "begins with", string(secret): "secret half", key + "x": "key of a host", "age1xyz": "begins with"} {
		err := s.HandOver(ctx, "shop", v.Fingerprint, "web7", text)
		wantKind(t, err, fault.Configuration, says)
		if err != nil && strings.Contains(err.Error(), strings.TrimSpace(string(secret))) {
			t.Error("the error quotes a secret")
		}
	}
}
