package notify

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// SNSOptions configures Publish of AWS SNS. Without an access key that of the
// environment counts (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN).
type SNSOptions struct {
	Region              string `mapstructure:"region"`
	AccessKeyID         string `mapstructure:"access_key_id"`
	SecretAccessKey     Secret `mapstructure:"secret_access_key"`
	SecretAccessKeyFile string `mapstructure:"secret_access_key_file"`
	SenderID            string `mapstructure:"sender_id"` // where the country has them: 1 to 11 letters and digits
	URL                 string `mapstructure:"url"`       // default https://sns.REGION.amazonaws.com
}

var (
	awsRegion = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	senderID  = regexp.MustCompile(`^[A-Za-z0-9]{1,11}$`)
)

func (o SNSOptions) validate() error {
	errs := []error{checkSecret("sns.secret_access_key", o.SecretAccessKey, o.SecretAccessKeyFile, o.AccessKeyID != "")}
	if !awsRegion.MatchString(o.Region) {
		errs = append(errs, fmt.Errorf("sns.region %q is not a region; write for example ap-northeast-1", o.Region))
	}
	if o.SenderID != "" && !senderID.MatchString(o.SenderID) {
		errs = append(errs, fmt.Errorf("sns.sender_id %q is not 1 to 11 letters and digits", o.SenderID))
	}
	if o.AccessKeyID == "" && (o.SecretAccessKey != "" || o.SecretAccessKeyFile != "") {
		errs = append(errs, errors.New("sns.secret_access_key is set without sns.access_key_id"))
	}
	if o.URL != "" {
		_, err := checkURL("sns.url", o.URL, false)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sns speaks the Query protocol of SNS, signed by AWS's own signer. The client
// of the SDK would weigh ten times as much for this one call.
type sns struct {
	o           SNSOptions
	url         string
	credentials aws.Credentials
	signer      *v4.Signer
}

func (o SNSOptions) provider() (smsProvider, []string, error) {
	secret, err := readSecret("sns.secret_access_key", o.SecretAccessKey, o.SecretAccessKeyFile)
	c := aws.Credentials{AccessKeyID: o.AccessKeyID, SecretAccessKey: secret}
	if o.AccessKeyID == "" {
		c = aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}
	}
	if err == nil && !c.HasKeys() {
		err = errors.New("sns.access_key_id is not set, and neither is AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY in the environment")
	}
	return &sns{o, orElse(o.URL, "https://sns."+o.Region+".amazonaws.com") + "/", c, v4.NewSigner()}, []string{c.SecretAccessKey, c.SessionToken}, err
}

func (s *sns) send(ctx context.Context, c *caller, to, body string) (string, error) {
	form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "PhoneNumber": {to}, "Message": {body}}
	attribute := func(n int, name, value string) {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", n)
		form.Set(entry+"Name", name)
		form.Set(entry+"Value.DataType", "String")
		form.Set(entry+"Value.StringValue", value)
	}
	attribute(1, "AWS.SNS.SMS.SMSType", "Transactional")
	if s.o.SenderID != "" {
		attribute(2, "AWS.SNS.SMS.SenderID", s.o.SenderID)
	}
	r, err := s.call(ctx, c, form)
	if err != nil {
		return "", err
	}
	var said struct {
		ID      string `xml:"PublishResult>MessageId"`
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	xmlErr := xml.Unmarshal(r.body, &said)
	switch {
	case said.Code == "Throttling" || said.Code == "ThrottledException" || said.Code == "KMSThrottling":
		return "", fault.After(time.Now().Add(30*time.Second), "%s: SNS: %s", KindSMS, c.redact(said.Message))
	case !r.ok():
		words := ""
		if said.Code != "" {
			words = said.Code + ": " + said.Message
		}
		return "", c.refusal(r, words, "check region, access key, and whether it may sns:Publish")
	case xmlErr != nil || said.ID == "":
		return "", fault.New(fault.Configuration, "%s: %s answered %d and no message; does sns.url lead to SNS?", KindSMS, r.server, r.status)
	}
	return alert.Clean(said.ID), nil
}
