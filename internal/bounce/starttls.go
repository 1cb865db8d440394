package bounce

import (
	"crypto/tls"
	"sync"

	"github.com/emersion/go-smtp"
)

// Encryption is how a Listener offers STARTTLS (RFC 3207). The zero value offers none.
type Encryption struct {
	CertFile string // PEM, with its chain
	KeyFile  string // PEM
	Required bool   // nothing is taken in plain
}

// Check tells why the files cannot be used.
func (e Encryption) Check() error {
	_, err := e.config()
	return err
}

// config gives the settings of TLS; nil where none is offered. The files are read
// at every handshake, for a certificate is renewed while the listener runs; while
// they cannot be read the last pair goes on.
func (e Encryption) config() (*tls.Config, error) {
	if e.CertFile == "" && e.KeyFile == "" {
		return nil, nil
	}
	last, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if pair, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile); err == nil {
			last = pair
		}
		pair := last
		return &pair, nil
	}}, nil
}

// plain tells why a conversation that is not encrypted goes no further; nil if it may.
func (s *session) plain() error {
	if _, encrypted := s.conn.TLSConnectionState(); encrypted || !s.l.Encryption.Required {
		return nil
	}
	return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Must issue a STARTTLS command first"}
}
