// Package acm is the source of the kind aws-acm: what AWS Certificate Manager has
// in the regions of an account, whether AWS issued it or somebody imported it,
// what uses it, and how its renewal is getting on. app builds it from the options.
//
// It asks for no private key, not even where one may be exported, and changes nothing.
package acm

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Kind is the name of the kind in configurations.
const Kind = "aws-acm"

// Source is some regions of an account.
type Source struct {
	name    string
	options Options
	judge   *scan.Scanner
	regions []regional
	perPage int32
}

type regional struct {
	name   string
	client *sdk.Client
}

// New makes a source of the kind aws-acm. It reads the profile and dials nobody.
func New(name string, o Options, judge *scan.Scanner) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	s := &Source{name: name, options: o, judge: judge, perPage: perPage}
	regions := o.Regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	for _, r := range regions {
		c, err := o.Config(r)
		if err == nil && c.Region == "" {
			err = fmt.Errorf("regions: is missing, and the environment names none; write for example [eu-central-1]")
		}
		if err != nil {
			return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
		}
		s.regions = append(s.regions, regional{c.Region, sdk.NewFromConfig(c)})
	}
	return s, nil
}

// token says where a run goes on.
type token struct {
	Region int    `json:"region"`
	Next   string `json:"next,omitempty"` // AWS's
}

const perPage = 100

// Look lists up to a hundred certificates of one region.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	var t token
	if page != nil {
		if err := json.Unmarshal(page, &t); err != nil || t.Region < 0 || t.Region >= len(s.regions) {
			return source.Page{}, fault.New(fault.Invalid, "source %q: the page %.80q means nothing any more; begin anew", s.name, page)
		}
	}
	r := s.regions[t.Region]
	out := source.Page{About: fmt.Sprintf("region %s, %d of %d", r.name, t.Region+1, len(s.regions))}
	next, err := s.look(ctx, r, t, &out, progress)
	switch {
	case err == nil:
	case len(s.regions) > 1 && amazon.Denied(err): // an organisation may forbid regions
		out.Sightings, next = nil, token{Region: t.Region + 1}
		out.Failed = []source.Failure{{Places: "acm:" + r.name + "/", Why: scan.Clean(err.Error())}}
	default:
		return source.Page{}, fmt.Errorf("source %q: region %s: %w", s.name, r.name, err)
	}
	if next.Region < len(s.regions) {
		out.Next, err = json.Marshal(next)
		return out, err
	}
	return out, nil
}

func (s *Source) look(ctx context.Context, r regional, t token, out *source.Page, progress func(string)) (token, error) {
	var listed *sdk.ListCertificatesOutput
	in := sdk.ListCertificatesInput{
		MaxItems: &s.perPage, // of all types of key: AWS leaves most of them out otherwise
		Includes: &types.Filters{KeyTypes: types.KeyAlgorithm("").Values()},
	}
	if t.Next != "" {
		in.NextToken = &t.Next
	}
	err := s.ask(ctx, "acm:ListCertificates", func(ctx context.Context) (err error) {
		listed, err = r.client.ListCertificates(ctx, &in)
		return err
	})
	if err != nil {
		return t, err
	}
	for i, c := range listed.CertificateSummaryList {
		progress(fmt.Sprintf("region %s, %d of %d on this page", r.name, i+1, len(listed.CertificateSummaryList)))
		seen, err := s.sighting(ctx, r, aws.ToString(c.CertificateArn))
		if err != nil {
			return t, err
		}
		out.Sightings = append(out.Sightings, seen...)
	}
	if next := aws.ToString(listed.NextToken); next != "" {
		return token{t.Region, next}, nil
	}
	return token{Region: t.Region + 1}, nil
}

const rights = "docs/sources-cloud.md shows the policy it needs"

// ask bounds one request and explains its error. The SDK has tried again by then
// where AWS asked to wait for moments.
func (s *Source) ask(ctx context.Context, action string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.timeout())
	defer cancel()
	return amazon.Explained(do(ctx), action, rights)
}
