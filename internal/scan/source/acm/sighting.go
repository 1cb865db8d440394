package acm

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/chains"
)

// sighting asks for one certificate; none if it was deleted since it was listed.
func (s *Source) sighting(ctx context.Context, r regional, name string) ([]source.Sighting, error) {
	var described *sdk.DescribeCertificateOutput
	err := s.ask(ctx, "acm:DescribeCertificate", func(ctx context.Context) (err error) {
		described, err = r.client.DescribeCertificate(ctx, &sdk.DescribeCertificateInput{CertificateArn: &name})
		return err
	})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := described.Certificate
	at := source.Sighting{Place: "acm:" + r.name + "/" + name, Host: usedBy(name, d.InUseBy), RenewedBy: renewedBy(d)}
	if err := s.tags(ctx, r, name, &at); err != nil {
		return nil, err
	}
	if why := pending(d); why != "" {
		return []source.Sighting{chains.Troubled(at, why)}, nil
	}
	return s.chain(ctx, r, name, d, at)
}

func (s *Source) chain(ctx context.Context, r regional, name string, d *types.CertificateDetail, at source.Sighting) ([]source.Sighting, error) {
	var got *sdk.GetCertificateOutput
	err := s.ask(ctx, "acm:GetCertificate", func(ctx context.Context) (err error) {
		got, err = r.client.GetCertificate(ctx, &sdk.GetCertificateInput{CertificateArn: &name})
		return err
	})
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := chains.Public([]byte(aws.ToString(got.Certificate) + "\n" + aws.ToString(got.CertificateChain)))
	if err != nil || len(certs) == 0 {
		return []source.Sighting{chains.Troubled(at, fmt.Sprintf("AWS sent no certificate: %v", err))}, nil
	}
	out := certs.Sightings(s.judge, at)[:1]
	out[0].Findings = append(findings(d), out[0].Findings...)
	return out, nil
}

func gone(err error) bool { return amazon.Code(err) == "ResourceNotFoundException" }

// usedBy tells what serves it: the ARNs of load balancers, distributions and
// gateways without their account; or the account where nothing does.
func usedBy(name string, by []string) string {
	var out []string
	for _, x := range by {
		if a, err := arn.Parse(x); err == nil {
			x = a.Service + ":" + a.Resource
		}
		out = append(out, scan.Clean(x))
	}
	switch a, err := arn.Parse(name); {
	case len(out) > 3:
		return fmt.Sprintf("%s and %d more", strings.Join(out[:3], ", "), len(out)-3)
	case len(out) > 0:
		return strings.Join(out, ", ")
	case err == nil:
		return "AWS account " + a.AccountID
	}
	return ""
}

// renewedBy: AWS renews what it issued, as long as that is in use and its names
// are proven by DNS; what was imported is renewed by who imported it.
func renewedBy(d *types.CertificateDetail) string {
	if d.Type != types.CertificateTypeImported && d.RenewalEligibility == types.RenewalEligibilityEligible {
		return "AWS"
	}
	return ""
}

// pending tells why there is no certificate, empty if there is one.
func pending(d *types.CertificateDetail) string {
	switch d.Status {
	case types.CertificateStatusPendingValidation:
		return "AWS has not issued it yet: " + records(d.DomainValidationOptions)
	case types.CertificateStatusValidationTimedOut, types.CertificateStatusFailed:
		return strings.TrimSuffix(fmt.Sprintf("AWS did not issue it: %s %s", d.Status, d.FailureReason), " ") + "; request it again"
	}
	return ""
}

// findings are what AWS says beside the certificate.
func findings(d *types.CertificateDetail) (out []cert.Finding) {
	if d.Status == types.CertificateStatusRevoked {
		out = append(out, cert.Find(cert.Revoked, strings.TrimSpace("AWS says that it was revoked "+string(d.RevocationReason))))
	}
	r := d.RenewalSummary
	if r == nil {
		return out
	}
	switch r.RenewalStatus {
	case types.RenewalStatusPendingValidation:
		out = append(out, cert.Find(cert.RenewalStuck, "AWS cannot renew it before names are proven again: "+records(r.DomainValidationOptions)))
	case types.RenewalStatusFailed:
		out = append(out, cert.Find(cert.RenewalStuck, strings.TrimSpace("AWS could not renew it: "+string(r.RenewalStatusReason))))
	}
	return out
}

// records lists the names that are not proven, with what proves them.
func records(all []types.DomainValidation) string {
	var out []string
	for _, v := range all {
		if v.ValidationStatus == types.DomainStatusSuccess {
			continue
		}
		text := scan.Clean(aws.ToString(v.DomainName))
		if x := v.ResourceRecord; x != nil {
			text += scan.Clean(fmt.Sprintf(" (needs %s %s %s)", aws.ToString(x.Name), x.Type, aws.ToString(x.Value)))
		}
		out = append(out, text)
	}
	if len(out) > 3 {
		out = append(out[:3], fmt.Sprintf("and %d more", len(out)-3))
	}
	return strings.Join(out, ", ")
}

// tags are asked for only if the options say what to look for.
func (s *Source) tags(ctx context.Context, r regional, name string, at *source.Sighting) error {
	if !s.options.tagged() {
		return nil
	}
	var got *sdk.ListTagsForCertificateOutput
	err := s.ask(ctx, "acm:ListTagsForCertificate", func(ctx context.Context) (err error) {
		got, err = r.client.ListTagsForCertificate(ctx, &sdk.ListTagsForCertificateInput{CertificateArn: &name})
		return err
	})
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	for _, t := range got.Tags {
		value := scan.Clean(aws.ToString(t.Value))
		switch aws.ToString(t.Key) {
		case s.options.Owner:
			at.Owner = value
		case s.options.Team:
			at.Team = value
		case s.options.Environment:
			at.Environment = value
		}
	}
	return nil
}
