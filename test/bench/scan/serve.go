package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// maker issues leaves under a root and an intermediate.
type maker struct {
	root, middle *x509.Certificate
	key          *ecdsa.PrivateKey // of the intermediate
	serial       int64
}

func newMaker() (*maker, error) {
	m := &maker{}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if m.root, err = m.sign(m.ca("Bench Root"), nil, rootKey, rootKey); err != nil {
		return nil, err
	}
	if m.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	m.middle, err = m.sign(m.ca("Bench Intermediate"), m.root, m.key, rootKey)
	return m, err
}

func (m *maker) ca(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
}

func (m *maker) sign(c, by *x509.Certificate, key, with *ecdsa.PrivateKey) (*x509.Certificate, error) {
	m.serial++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(m.serial), time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	if by == nil {
		by = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), with)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// leaf issues for a name; each has a key of its own.
func (m *maker) leaf(name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	c, err := m.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "www." + name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, m.middle, key, m.key)
	return c, key, err
}

// host is the i-th address of the fleet. All of 127.0.0.0/8 leads here.
func host(i int) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 127<<24+1<<16+uint32(i)+1)
	return netip.AddrFrom4(b).String()
}

func indexOf(a net.Addr) int {
	ip := a.(*net.TCPAddr).IP.To4()
	return int(binary.BigEndian.Uint32(ip) - 127<<24 - 1<<16 - 1)
}

// serve is the fleet, until it is killed; it says its port.
func serve(args []string) error {
	l, answers, err := start(args[0], number(args[1]), number(args[2]), number(args[3]))
	if err != nil {
		return err
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	return answers()
}

// start makes so many hosts, each with a certificate of its own; of every hundred
// so many never answer, and so many answer nonsense.
func start(roots string, n, hanging, broken int) (net.Listener, func() error, error) {
	m, err := newMaker()
	if err != nil {
		return nil, nil, err
	}
	configs := make([]*tls.Config, n)
	for i := range configs {
		c, key, err := m.leaf(fmt.Sprintf("host-%d.test", i))
		if err != nil {
			return nil, nil, err
		}
		configs[i] = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{c.Raw, m.middle.Raw}, PrivateKey: key}}}
	}
	if err := os.WriteFile(roots, cert.EncodeChain([]*x509.Certificate{m.root}), 0o600); err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	return l, func() error {
		for {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer conn.Close()
				answer(conn, configs, hanging, broken)
			}()
		}
	}, err
}

func answer(conn net.Conn, configs []*tls.Config, hanging, broken int) {
	switch i := indexOf(conn.LocalAddr()); {
	case i < 0 || i >= len(configs):
	case i%100 < hanging:
		_, _ = io.Copy(io.Discard, conn)
	case i%100 < hanging+broken:
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	default:
		server := tls.Server(conn, configs[i])
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
	}
}

// healthy is how many of n hosts answer.
func healthy(n, bad int) (good int) {
	for i := range n {
		if i%100 >= bad {
			good++
		}
	}
	return good
}
