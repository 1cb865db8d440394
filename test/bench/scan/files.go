package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/keystore"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
)

// How many of each kind there are: 10,000 in all.
const (
	leaves  = 2275 // four PEM files each
	inDER   = 500
	stores  = 200 // of PKCS#12, and of JKS
	inFiles = 4*leaves + inDER + 2*stores
)

const password = "secret"

// write makes the files, as certbot and Java's users leave them.
func write(dir string) error {
	m, err := newMaker()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "..", "file-roots.pem"), cert.EncodeChain([]*x509.Certificate{m.root}), 0o600); err != nil {
		return err
	}
	for i := range leaves {
		name := fmt.Sprintf("host-%d.test", i)
		c, key, err := m.leaf(name)
		if err != nil {
			return err
		}
		keyPEM, err := cert.EncodeKey(key)
		if err != nil {
			return err
		}
		chain := []*x509.Certificate{c, m.middle}
		whole := cert.EncodeChain(chain)
		out := map[string][]byte{
			"cert.pem": cert.EncodeChain(chain[:1]), "fullchain.pem": whole, "chain.pem": cert.EncodeChain(chain[1:]), "combined.pem": append(keyPEM, whole...),
		}
		if i < inDER {
			out["cert.der"] = c.Raw
		}
		if i < stores {
			if out["store.p12"], err = keystore.PKCS12(key, chain, password, false); err != nil {
				return err
			}
			if out["store.jks"], err = keystore.JKS(key, chain, "shop", password); err != nil {
				return err
			}
		}
		folder := filepath.Join(dir, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for file, data := range out {
			if err := os.WriteFile(filepath.Join(folder, file), data, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// files walks once cold, or once cold and once more with nothing changed, and
// says what the last walk took.
func files(args []string) error {
	dir, roots, again := args[0], args[1], args[2] == "again"
	own, err := scan.ReadRoots(roots)
	if err != nil {
		return err
	}
	f := survey.Files{Scanner: scan.New(scan.Options{Own: own}), Password: password, Cache: survey.NewCache("")}
	var found int
	f.Found = func(x survey.Found) {
		if x.Seen() {
			found++
		}
	}
	before, began := spent(), time.Now()
	if err := f.Walk(context.Background(), []string{dir}); err != nil {
		return err
	}
	if again {
		found, f.Count = 0, survey.Counts{}
		before, began = spent(), time.Now()
		if err := f.Walk(context.Background(), []string{dir}); err != nil {
			return err
		}
		if f.Count.Unchanged != f.Count.Files {
			return fmt.Errorf("%d of %d files are known to be unchanged", f.Count.Unchanged, f.Count.Files)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(result{Seconds: time.Since(began).Seconds(), CPU: spent() - before, Seen: found})
}

// folders measures the files and writes the table.
func folders(ctx context.Context, self, cli, dir string, rounds int) (string, error) {
	in := filepath.Join(dir, "files")
	if err := write(in); err != nil {
		return "", err
	}
	time.Sleep(time.Second) // what is fresh is not cached
	roots, cache, secret := filepath.Join(dir, "file-roots.pem"), filepath.Join(dir, "cache"), filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return "", err
	}
	command := []string{"scan", in, "--roots", roots, "--password-file", secret, "-o", "jsonl"}
	cached := append(append([]string{}, command...), "--cache", cache)
	if _, err := measure(ctx, cli, cached...); err != nil {
		return "", err
	}
	contenders := []struct {
		name, program string
		args          []string
	}{
		{"the walk, cold", self, []string{"files", in, roots, "once"}},
		{"the walk, nothing changed", self, []string{"files", in, roots, "again"}},
		{"`neverlapse scan`, cold", cli, command},
		{"`neverlapse scan --cache`, nothing changed, with reading and writing the cache", cli, cached},
	}
	all := make([][]result, len(contenders))
	for range rounds {
		for i, c := range contenders {
			r, err := measure(ctx, c.program, c.args...)
			if err != nil {
				return "", err
			}
			all[i] = append(all[i], r)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d files (%d PEM, %d DER, %d PKCS#12, %d JKS), in the page cache:\n\n| | files a second | CPU-seconds for 1,000 | resident |\n|---|---|---|---|\n", inFiles, 4*leaves, inDER, stores, stores)
	for i, c := range contenders {
		r := best(all[i])
		fmt.Fprintf(&b, "| %s | %.0f | %.3f | %d MB |\n", c.name, inFiles/r.Seconds, r.CPU/inFiles*1000, r.memory>>20)
	}
	return b.String(), nil
}
