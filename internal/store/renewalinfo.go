package store

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const renewalInfoFile = "renewalinfo.json"

// RenewalInfo gives the CA's latest advice about a certificate;
// fault.NotFound if there is none.
func (s *Store) RenewalInfo(ctx context.Context, name string) (cert.RenewalInfo, error) {
	r, err := s.certificate(name)
	if err != nil {
		return cert.RenewalInfo{}, err
	}
	data, err := r.read(ctx, renewalInfoFile)
	if err != nil {
		return cert.RenewalInfo{}, err
	}
	var i cert.RenewalInfo
	if json.Unmarshal(data, &i) != nil || validFingerprint(i.Fingerprint) != nil {
		return cert.RenewalInfo{}, s.damaged(r.join(renewalInfoFile), errors.New("it is not the JSON of renewal information"))
	}
	return i, nil
}

// PutRenewalInfo replaces the advice; the last write wins.
func (s *Store) PutRenewalInfo(ctx context.Context, name string, i cert.RenewalInfo) error {
	r, err := s.certificate(name)
	if err != nil {
		return err
	}
	if err := validFingerprint(i.Fingerprint); err != nil {
		return err
	}
	data, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fault.New(fault.Invalid, "renewal information of %s: %w", name, err)
	}
	return r.locked(ctx, func(r room) error { return r.write(ctx, renewalInfoFile, append(data, '\n')) })
}
