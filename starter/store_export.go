package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// The files of an export are named as certbot names them. The key comes first:
// where it cannot be written, nothing else is of use.
const (
	exportKey   = "privkey.pem"
	exportFull  = "fullchain.pem"
	exportLeaf  = "cert.pem"
	exportChain = "chain.pem"
)

// exportView says what was taken out; never the key itself.
type exportView struct {
	Name    string       `json:"name"`
	Version cert.Version `json:"version"`
	Files   []string     `json:"files"`
}

func (c *cli) storeExport() *cobra.Command {
	var o offline
	var out, digits string
	cmd := &cobra.Command{
		Use: "export NAME --out DIR|- [--version DIGITS] [--store DIR --key-file FILE]", Short: "Take a private key and its chain out of the store", Args: oneName,
		Long: `Write the private key and the chain of a certificate into a folder: privkey.pem,
fullchain.pem (leaf first), cert.pem and chain.pem, each for you alone (mode 0600). It
is for the day on which a certificate has to be installed by hand because neither
Neverlapse nor Temporal runs. Files that are there already are left alone, and nothing
is written. With --out - key and chain go to the standard output, but never to a
terminal. The version is the live one, else the newest; --version takes another one by
the first digits of its fingerprint. Remove the files when they are installed.`,
		Example: `  neverlapse store export shop.example.com --out /root/shop
  neverlapse store export shop.example.com --out - --store /mnt/backup/store --key-file /mnt/keys/store.key | ssh web1 'umask 077; cat > /etc/ssl/shop.pem'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := certificateName(args[0])
			switch {
			case err != nil:
				return err
			case out == "":
				return usage("--out is missing; name a folder for the files, or - for the standard output")
			case out == "-" && (terminal(c.out) || !c.text()):
				return problem{exitRefused, "a private key is not shown on a terminal nor in JSON; name a folder in --out, or pipe the output into what needs it"}
			}
			return o.with(cmd.Context(), c, func(s *app.Offline) error {
				v, pair, err := s.Take(cmd.Context(), name, digits)
				if err != nil {
					return err
				}
				c.warnOfExport(name, v, pair, s.Revoked(cmd.Context(), name, v.Fingerprint))
				if out == "-" {
					_, err := c.out.Write(append(pair.Key, pair.Chain...))
					return err
				}
				return c.export(exportView{Name: name, Version: v}, pair, out)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`folder` for the files, made if it is missing; - for the standard output")
	cmd.Flags().StringVar(&digits, "version", "", "first `digits` of the fingerprint of the version (default the live one)")
	return o.flags(cmd)
}

// warnOfExport says what somebody should know before they install it.
func (c *cli) warnOfExport(name string, v cert.Version, pair cert.Pair, revoked bool) {
	now := c.now()
	switch {
	case revoked:
		c.remark("neverlapse: version %s of %s is revoked; clients that look refuse it", v.Fingerprint.Short(), name)
	case !v.NotAfter.After(now):
		c.remark("neverlapse: version %s of %s expired at %s", v.Fingerprint.Short(), name, c.when(v.NotAfter))
	case v.NotAfter.Sub(now) < 7*24*time.Hour:
		c.remark("neverlapse: version %s of %s expires at %s", v.Fingerprint.Short(), name, c.when(v.NotAfter))
	}
	if pair.KeptKey {
		c.remark("neverlapse: the key of %s was made on its host and stays there; only the chain is here", name)
	}
}

// export writes the files, or none of them.
func (c *cli) export(view exportView, pair cert.Pair, dir string) error {
	chain, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return err
	}
	files := []struct {
		name string
		data []byte
	}{
		{exportKey, pair.Key}, {exportFull, pair.Chain}, {exportLeaf, cert.EncodeChain(chain[:1])}, {exportChain, cert.EncodeChain(chain[1:])},
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem{exitUsage, "--out: " + err.Error()}
	}
	for _, f := range files {
		if len(f.data) == 0 { // a key that stays on its host, a chain of one
			continue
		}
		path := filepath.Join(dir, f.name)
		if err := writeNew(path, f.data); err != nil {
			for _, written := range view.Files {
				err = errors.Join(err, os.Remove(written))
			}
			return err
		}
		view.Files = append(view.Files, path)
	}
	if !c.text() {
		return c.result(view)
	}
	fmt.Fprintf(c.out, "version %s of %s, valid until %s:\n", view.Version.Fingerprint.Short(), view.Name, c.when(view.Version.NotAfter))
	for _, path := range view.Files {
		fmt.Fprintf(c.out, "  %s\n", cleanLines(path))
	}
	return nil
}

// writeNew writes a file that is not there yet, for the user alone.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return problem{exitRefused, fmt.Sprintf("%s is there already and was left alone; name an empty folder in --out", path)}
	}
	if err != nil {
		return problem{exitFailed, err.Error()}
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// terminal reports whether people see what is written.
func terminal(out any) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
