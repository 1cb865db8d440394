package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// supplied is what somebody brings: files.
type supplied struct {
	chain, key, pfx, password, note string
	wait                            bool
}

func (c *cli) supply() *cobra.Command {
	var s supplied
	cmd := c.onName("supply", " --chain FILE [--key FILE] | --pfx FILE [--password-file FILE]", "Bring a version that was ordered by hand",
		`Bring what a CA without ACME issued: the certificate and its intermediates (PEM). It is
checked against its key, the names and the date, and then stored, deployed, proven and,
if need be, rolled back like any other.

The key is the one that neverlapse csr made in the store. If it was made elsewhere,
bring it by --key or --pfx: it is put straight into the store, so this has to run on a
worker's machine, with its configuration and as its user. A private key is never sent
to Temporal.`,
		func(cmd *cobra.Command, name string) error {
			chain, key, err := s.read()
			if err != nil {
				return err
			}
			return c.bring(cmd.Context(), name, s, chain, key)
		})
	f := cmd.Flags()
	f.StringVar(&s.chain, "chain", "", "`file` with the certificate and its intermediates (PEM)")
	f.StringVar(&s.key, "key", "", "`file` with the private key (PEM), if it was not made by csr")
	f.StringVar(&s.pfx, "pfx", "", "`file` with chain and key together (PKCS#12)")
	f.StringVar(&s.password, "password-file", "", "`file` with the password of --pfx")
	f.BoolVar(&s.wait, "wait", false, "wait for the end of the deployment")
	f.StringVar(&s.note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) bring(ctx context.Context, name string, s supplied, chain []*x509.Certificate, key crypto.Signer) error {
	req, err := c.request(s.note)
	if err != nil {
		return err
	}
	status, err := c.ask(ctx, name)
	if err != nil {
		return err
	}
	if err := status.State.CheckSupply(c.now(), cert.VersionOf(chain[0])); err != nil {
		return err
	}
	if key != nil && status.State.Spec.CSR != nil {
		return usage("the private key of %s stays on its host: bring the chain alone (--chain)", name)
	}
	if key != nil {
		if err := c.keep(ctx, name, key); err != nil {
			return err
		}
	}
	in := workflows.SupplyOf(status.State)
	in.Chain = cert.EncodeChain(chain)
	v, err := work[cert.Version](ctx, c, "Supply", name, c.timeout.value, in)
	if err != nil {
		return refusedByHand(err)
	}
	return c.begin(ctx, name, s.wait, func() (workflows.Taken, error) {
		return call(ctx, c, workflows.Supply, name, workflows.SupplyRequest{Request: req, Version: v})
	})
}

func (c *cli) keep(ctx context.Context, name string, key crypto.Signer) error {
	pem, err := cert.EncodeKey(key)
	if err == nil {
		err = app.KeepKey(ctx, c.config, name, pem, stores.Kinds)
	}
	if err != nil {
		return problem{exitFailed, "the key was not handed over: " + err.Error()}
	}
	return nil
}

// read gives what the files hold; a key that does not belong is refused here.
func (s *supplied) read() ([]*x509.Certificate, crypto.Signer, error) {
	if (s.chain == "") == (s.pfx == "") {
		return nil, nil, usage("bring either --chain, with --key if csr did not make it, or --pfx")
	}
	if s.pfx != "" {
		return s.readPFX()
	}
	if s.password != "" {
		return nil, nil, usage("--password-file goes with --pfx")
	}
	data, err := readAtMost(s.chain)
	if err != nil {
		return nil, nil, usage("--chain: %s", err)
	}
	chain, err := cert.DecodeChain(data)
	if err != nil || s.key == "" {
		if err != nil {
			err = usage("--chain: %s: %s", s.chain, err)
		}
		return chain, nil, err
	}
	if data, err = readAtMost(s.key); err != nil {
		return nil, nil, usage("--key: %s", err)
	}
	key, err := cert.DecodeKey(data)
	if err != nil {
		if strings.Contains(string(data), "ENCRYPTED") {
			err = errors.New("it is encrypted; decrypt it first, for example by: openssl pkey -in FILE -out PLAIN")
		}
		return nil, nil, usage("--key: %s: %s", s.key, err)
	}
	return chain, key, matches(key, chain[0])
}

func (s *supplied) readPFX() ([]*x509.Certificate, crypto.Signer, error) {
	if s.key != "" {
		return nil, nil, usage("--pfx holds the key: leave --key out")
	}
	data, err := readAtMost(s.pfx)
	if err != nil {
		return nil, nil, usage("--pfx: %s", err)
	}
	password := ""
	if s.password != "" {
		text, err := readAtMost(s.password)
		if err != nil {
			return nil, nil, usage("--password-file: %s", err)
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	private, leaf, between, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, nil, usage("--pfx: %s: %s", s.pfx, err)
	}
	key, ok := private.(crypto.Signer)
	if !ok {
		return nil, nil, usage("--pfx: %s holds no key that can sign", s.pfx)
	}
	return withoutRoot(append([]*x509.Certificate{leaf}, between...)), key, matches(key, leaf)
}

// withoutRoot leaves the root out, which servers do not send.
func withoutRoot(chain []*x509.Certificate) []*x509.Certificate {
	if last := chain[len(chain)-1]; len(chain) > 1 && last.CheckSignatureFrom(last) == nil {
		return chain[:len(chain)-1]
	}
	return chain
}

func matches(key crypto.Signer, leaf *x509.Certificate) error {
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(leaf.PublicKey) {
		return usage("the private key does not belong to the certificate %s", cert.FingerprintOf(leaf).Short())
	}
	return nil
}

const longestFile = 1 << 20 // bytes

func readAtMost(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > longestFile {
		return nil, fmt.Errorf("%s is no file of a reasonable size", file)
	}
	return os.ReadFile(file)
}

// refusedByHand is the refusal of an activity that was asked by itself.
func refusedByHand(err error) error {
	if a, ok := errors.AsType[*temporal.ApplicationError](err); ok && (a.Type() == "invalid" || a.Type() == "configuration") {
		return lifecycle.Refusal{Text: a.Message()}
	}
	return err
}
