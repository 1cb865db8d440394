package config

import (
	"errors"
	"net/mail"
	"strings"
)

func (b Bounces) validate() error {
	var errs []error
	if b.Listen != "" {
		errs = append(errs, validateListen("bounces.listen", b.Listen))
		if b.Address == "" {
			errs = append(errs, wrong("bounces.address", "is empty; name the address to which mail comes back, in the domain whose mail is brought to bounces.listen"))
		}
	}
	if (b.CertFile == "") != (b.KeyFile == "") {
		errs = append(errs, wrong("bounces.cert_file", "cert_file and key_file belong together; write both, or neither for no STARTTLS"))
	}
	if b.RequireTLS && b.CertFile == "" {
		errs = append(errs, wrong("bounces.require_tls", "nothing could be encrypted without cert_file and key_file, so that no mail would be taken"))
	}
	if b.CertFile != "" && b.Listen == "" {
		errs = append(errs, wrong("bounces.cert_file", "is for the listener of SMTP, and bounces.listen is empty"))
	}
	if a, err := mail.ParseAddress(b.Address); b.Address != "" && (err != nil || a.Address != b.Address || strings.Contains(b.Address[:strings.IndexByte(b.Address, '@')], "+")) {
		errs = append(errs, wrong("bounces.address", "%q is not a bare address such as bounces@mail.example.com, without a +", b.Address))
	}
	return errors.Join(errs...)
}
