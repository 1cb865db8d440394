package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Absent: the object is not there. A namespace that is not there reads the same.
func Absent(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.ReasonForError(err) != ""
}

// Overtaken: somebody else wrote, made or deleted the object since it was read.
func Overtaken(err error) bool {
	var e *stale
	return errors.As(err, &e)
}

// stale is a write that came too late. It counts as Transient.
type stale struct{ error }

func (s *stale) Unwrap() error { return s.error }

// Explained gives an error of the API server its kind, and says how to mend it.
// Rights tells where the permissions are described that doing needs.
func Explained(err error, doing, rights string) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &status):
		return unreached(err, doing)
	}
	code := int(status.Status().Code)
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return &stale{fault.New(fault.Transient, "cannot %s, because somebody else wrote it at the same time: %w", doing, err)}
	case code == http.StatusUnauthorized:
		return fault.New(fault.Configuration, "cannot %s: the API server does not accept the credentials: %w; renew those of the kubeconfig or service account", doing, err)
	case code == http.StatusForbidden:
		return fault.New(fault.Configuration, "cannot %s: %w; %s", doing, err, rights)
	case code == http.StatusNotFound && doing == "change it":
		return &stale{fault.New(fault.Transient, "cannot %s, because somebody else deleted it at the same time: %w", doing, err)}
	case code == http.StatusNotFound:
		return fault.New(fault.Configuration, "cannot %s: %w; make the namespace, or correct it", doing, err)
	case code == http.StatusTooManyRequests:
		return later(err, doing)
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), code == http.StatusServiceUnavailable, code == http.StatusBadGateway, code == http.StatusGatewayTimeout:
		return later(err, doing)
	case code >= http.StatusInternalServerError:
		return fault.New(fault.Transient, "cannot %s: %w", doing, err)
	}
	return fault.New(fault.Configuration, "cannot %s: the API server refuses it: %w", doing, err)
}

// later is trouble that passes, by the date that the API server gives.
func later(err error, doing string) error {
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
		return fault.After(time.Now().Add(time.Duration(seconds)*time.Second), "cannot %s now: %w", doing, err)
	}
	return fault.New(fault.Unavailable, "cannot %s now: %w", doing, err)
}

// unreached is an error that no API server sent.
func unreached(err error, doing string) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &verify):
		return fault.New(fault.Configuration, "cannot %s: the API server is not the one that the kubeconfig trusts: %w; correct server or certificate-authority there", doing, err)
	}
	return fault.New(fault.Unavailable, "cannot %s: the API server cannot be reached: %w", doing, err)
}
