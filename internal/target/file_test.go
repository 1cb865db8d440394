package target_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var (
	_ activities.Target = (*target.File)(nil)
	_ activities.Target = (*target.Nginx)(nil)
)

// The check and the reload of these targets succeed while a flag file exists;
// ls then prints the error that the contract looks for.
func flagged(dir string, f target.Files) target.FileOptions {
	return target.FileOptions{
		Files:  f,
		Check:  []string{"ls", filepath.Join(dir, "flags", "check")},
		Reload: []string{"ls", filepath.Join(dir, "flags", "reload")},
	}
}

func fileHarness(files func(certs string) target.Files, chain, key string, atomic bool) targettest.Harness {
	return targettest.Harness{
		Atomic: atomic,
		Open: func(dir string) (targettest.Target, error) {
			return target.NewFile("web", flagged(dir, files(filepath.Join(dir, "certs"))))
		},
		Prepare: func(t testing.TB, dir string) targettest.Place {
			certs := filepath.Join(dir, "certs")
			must(t, os.MkdirAll(certs, 0o755))
			must(t, os.MkdirAll(filepath.Join(dir, "flags"), 0o755))
			flag := func(name string) (set, clear func(testing.TB)) {
				path := filepath.Join(dir, "flags", name)
				return func(t testing.TB) { must(t, os.WriteFile(path, nil, 0o644)) },
					func(t testing.TB) { must(t, os.Remove(path)) }
			}
			check, noCheck := flag("check")
			reload, noReload := flag("reload")
			check(t)
			reload(t)
			return targettest.Place{
				Dirs: []string{certs},
				Read: func() (cert.Pair, error) {
					return readPair(filepath.Join(certs, chain), filepath.Join(certs, key))
				},
				BreakCheck: func(t testing.TB) string {
					noCheck(t)
					return "ls: cannot access '" + filepath.Join(dir, "flags", "check") + "': No such file or directory"
				},
				RepairCheck: check,
				BreakReload: noReload, RepairReload: reload,
			}
		},
	}
}

func TestFileWithDirectory(t *testing.T) {
	h := fileHarness(func(certs string) target.Files { return target.Files{Directory: certs} },
		"live/fullchain.pem", "live/privkey.pem", true)
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"a plain directory": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs", "live"), 0o640)
			must(t, os.WriteFile(filepath.Join(dir, "certs", "live", "README"), []byte("by hand"), 0o604))
			must(t, os.Chmod(filepath.Join(dir, "certs", "live"), 0o711))
		},
		"a symlink to somewhere else": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs", "archive", "1"), 0o600)
			must(t, os.Symlink("archive/1", filepath.Join(dir, "certs", "live")))
		},
		"a dangling symlink": func(t testing.TB, dir string) {
			must(t, os.Symlink("versions/gone", filepath.Join(dir, "certs", "live")))
		},
		"versions of ours and a file of others": func(t testing.TB, dir string) {
			f, err := h.Open(dir)
			must(t, err)
			install(t, f, targettest.Fresh(t))
			install(t, f, targettest.Fresh(t))
			must(t, os.WriteFile(filepath.Join(dir, "certs", "versions", "NOTES"), []byte("x"), 0o600))
		},
	}
	targettest.Run(t, h)
}

func TestFileCombined(t *testing.T) {
	h := fileHarness(func(certs string) target.Files { return target.Files{Combined: filepath.Join(certs, "all.pem")} },
		"all.pem", "all.pem", true)
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"a symlink": func(t testing.TB, dir string) {
			must(t, os.Symlink("/nonexistent/x", filepath.Join(dir, "certs", "all.pem")))
		},
		"no certificate": func(t testing.TB, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "certs", "all.pem"), []byte("\x00\xff not a certificate"), 0o604))
		},
	}
	targettest.Run(t, h)
}

func TestFilePlain(t *testing.T) {
	h := fileHarness(func(certs string) target.Files {
		return target.Files{
			Fullchain: filepath.Join(certs, "fullchain.pem"), Key: filepath.Join(certs, "privkey.pem"),
			Certificate: filepath.Join(certs, "cert.pem"), Chain: filepath.Join(certs, "chain.pem"),
		}
	}, "fullchain.pem", "privkey.pem", false)
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"files of others": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs"), 0o640)
			if os.Geteuid() == 0 {
				must(t, os.Chown(filepath.Join(dir, "certs", "privkey.pem"), 65534, 65534))
			}
		},
		"certbot's symlinks": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs", "archive"), 0o600)
			for _, f := range []string{"fullchain.pem", "privkey.pem"} {
				must(t, os.Symlink(filepath.Join("archive", f), filepath.Join(dir, "certs", f)))
			}
		},
	}
	targettest.Run(t, h)
}
