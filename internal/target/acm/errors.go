package acm

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/neverlapse/neverlapse/internal/fault"
)

var (
	denied    = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
	identity  = []string{"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationToken", "IncompleteSignature"}
	throttled = []string{"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout"}
	again     = []string{"ConflictException", "RequestInProgressException", "InternalServerException", "InternalFailure"}
	quota     = []string{"LimitExceededException", "ServiceQuotaExceededException"}
)

// explained gives an error of AWS its kind, and says how to mend it. action is
// the right that the call needs.
func explained(err error, action string) error {
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
		return fault.New(fault.Configuration, "%s is not allowed: %w; docs/targets-cloud.md shows the policy it needs", action, err)
	case slices.Contains(identity, code):
		return fault.New(fault.Configuration, "AWS does not accept the credentials: %w; renew them", err)
	case code == "ResourceNotFoundException":
		return fault.New(fault.Configuration, "there is no such certificate: %w; import one and give its ARN", err)
	case slices.Contains(quota, code):
		return fault.New(fault.Configuration, "%s: the account has used up its imports: %w; ask AWS for more", action, err)
	case slices.Contains(throttled, code), status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return fault.New(fault.Unavailable, "%s: AWS asks to wait: %w", action, err)
	case slices.Contains(again, code), status >= http.StatusInternalServerError:
		return fault.New(fault.Transient, "%s: %w", action, err)
	}
	return fault.New(fault.Configuration, "%s: AWS refuses it: %w", action, err)
}

// unreached is an error that ACM did not send.
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
