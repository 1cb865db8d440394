package amazon

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/neverlapse/neverlapse/internal/fault"
)

var (
	denied    = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
	identity  = []string{"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationToken", "IncompleteSignature"}
	throttled = []string{"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout"}
	again     = []string{"ConflictException", "RequestInProgressException", "InternalServerException", "InternalFailure"}
)

// Code is what AWS calls an error; empty if AWS did not send it.
func Code(err error) string {
	var said smithy.APIError
	if !errors.As(err, &said) {
		return ""
	}
	return said.ErrorCode()
}

// Denied: a right is missing.
func Denied(err error) bool { return slices.Contains(denied, Code(err)) }

// Explained gives an error of AWS its kind, and says how to mend it. action is
// the right that the call needs, and rights tells where it is described.
func Explained(err error, action, rights string) error {
	var said smithy.APIError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &said):
		return unreached(err, action)
	}
	var answer *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	switch code := said.ErrorCode(); {
	case slices.Contains(denied, code):
		return fault.New(fault.Configuration, "%s is not allowed: %w; %s", action, err, rights)
	case slices.Contains(identity, code):
		return fault.New(fault.Configuration, "AWS does not accept the credentials: %w; renew them", err)
	case slices.Contains(throttled, code), status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return later(answer, action, err)
	case slices.Contains(again, code), status >= http.StatusInternalServerError:
		return fault.New(fault.Transient, "%s: %w", action, err)
	}
	return fault.New(fault.Configuration, "%s: AWS refuses it: %w", action, err)
}

// later is trouble that passes, by the date that AWS gives, if it gives one.
func later(answer *smithyhttp.ResponseError, action string, err error) error {
	if answer != nil && answer.Response != nil {
		if seconds, bad := strconv.Atoi(answer.Response.Header.Get("Retry-After")); bad == nil && seconds > 0 {
			return fault.After(time.Now().Add(time.Duration(seconds)*time.Second), "%s: AWS asks to wait: %w", action, err)
		}
	}
	return fault.New(fault.Unavailable, "%s: AWS asks to wait: %w", action, err)
}

// unreached is an error that AWS did not send.
func unreached(err error, action string) error {
	var verify *tls.CertificateVerificationError
	var dial *net.OpError
	var name *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &verify):
		return fault.New(fault.Configuration, "%s: what answers is not the AWS that this machine trusts: %w; correct endpoint, or AWS_CA_BUNDLE", action, err)
	case errors.As(err, &dial), errors.As(err, &name), errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Unavailable, "%s: AWS cannot be reached: %w", action, err)
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) || errors.As(err, new(*smithyhttp.RequestSendError)) {
		return fault.New(fault.Unavailable, "%s: AWS cannot be reached: %w", action, err)
	}
	return fault.New(fault.Configuration, "%s: %w; give the worker credentials: profile, role, environment or instance", action, err)
}
