package notifytest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// What the stand-ins of Twilio and SNS know.
const (
	TwilioAccount = "AC0123456789abcdef0123456789abcdef"
	TwilioToken   = "tw1l10t0k3n"
	TwilioFrom    = "+15005550006"
	AWSKeyID      = "AKIA0123456789ABCDEF"
	AWSSecret     = "s3cr3tAcc3ssK3y"
	AWSRegion     = "ap-northeast-1"
)

var isPhone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// NewTwilio is the Messages API of Twilio; numbers are refused as by its test
// credentials: +15005550001 is not valid. The carrier delivers what is asked about
// for the second time, but to +15005550003 (switched off) and +15005550005
// (unknown) nothing.
func NewTwilio() (*Vendor, error) {
	serial, asked, to := 0, map[string]int{}, map[string]string{}
	var mu sync.Mutex
	result := func(sid string) Said {
		mu.Lock()
		defer mu.Unlock()
		status, code := "sent", "null"
		if asked[sid]++; asked[sid] > 1 {
			switch status = "delivered"; to[sid] {
			case "+15005550003":
				status, code = "undelivered", "30003"
			case "+15005550005":
				status, code = "failed", "30005"
			}
		}
		return Said{200, fmt.Sprintf(`{"sid":%q,"status":%q,"error_code":%s,"error_message":null}`, sid, status, code)}
	}
	return NewVendor(func(a Asked) Said {
		problem := func(status, code int, why string) Said {
			return Said{status, fmt.Sprintf(`{"code":%d,"message":%q,"more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`, code, why, code, status)}
		}
		login := "Basic " + base64.StdEncoding.EncodeToString([]byte(TwilioAccount+":"+TwilioToken))
		form, err := url.ParseQuery(a.Body)
		switch {
		case a.Header.Get("Authorization") != login:
			return problem(401, 20003, "Authenticate")
		case a.Method == http.MethodGet && strings.HasPrefix(a.Path, "/2010-04-01/Accounts/"+TwilioAccount+"/Messages/SM"):
			return result(strings.TrimSuffix(a.Path[strings.LastIndexByte(a.Path, '/')+1:], ".json"))
		case a.Method == http.MethodGet && a.Path == "/2010-04-01/Accounts/"+TwilioAccount+".json":
			return Said{200, fmt.Sprintf(`{"sid":%q,"status":"active","type":"Full"}`, TwilioAccount)}
		case a.Method != http.MethodPost || a.Path != "/2010-04-01/Accounts/"+TwilioAccount+"/Messages.json":
			return problem(404, 20404, "The requested resource was not found")
		case err != nil || form.Get("To") == "":
			return problem(400, 21604, "A 'To' phone number is required.")
		case form.Get("From") == "" && form.Get("MessagingServiceSid") == "":
			return problem(400, 21603, "A 'From' phone number is required.")
		case form.Get("From") != "" && form.Get("From") != TwilioFrom:
			return problem(400, 21606, "The 'From' phone number is not a valid, SMS-capable number for your account.")
		case !isPhone.MatchString(form.Get("To")) || form.Get("To") == "+15005550001":
			return problem(400, 21211, "Invalid 'To' Phone Number")
		case form.Get("Body") == "":
			return problem(400, 21602, "Message body is required.")
		case units(form.Get("Body")) > 1600:
			return problem(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
		}
		mu.Lock()
		serial++
		to[fmt.Sprintf("SM%032x", serial)] = form.Get("To")
		mu.Unlock()
		return Said{201, fmt.Sprintf(`{"sid":"SM%032x","status":"queued","error_code":null,"error_message":null,"num_segments":"1","price":null}`, serial)}
	})
}

// NewSNS is Publish of SNS: the Query protocol, signed by SigV4.
func NewSNS() (*Vendor, error) {
	serial := 0
	return NewVendor(func(a Asked) Said {
		problem := func(status int, code, why string) Said {
			return Said{status, fmt.Sprintf(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, why)}
		}
		form, err := url.ParseQuery(a.Body)
		switch {
		case !signedByAWS(a):
			return problem(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
		case err == nil && form.Get("Action") == "GetSMSAttributes":
			return Said{200, `<GetSMSAttributesResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><GetSMSAttributesResult><attributes/></GetSMSAttributesResult></GetSMSAttributesResponse>`}
		case err != nil || form.Get("Action") != "Publish" || form.Get("Version") != "2010-03-31":
			return problem(400, "InvalidAction", "The action is not valid for this web service.")
		case !isPhone.MatchString(form.Get("PhoneNumber")) || form.Get("PhoneNumber") == "+15005550001":
			return problem(400, "InvalidParameter", "Invalid parameter: PhoneNumber")
		case form.Get("Message") == "" || len(form.Get("Message")) > 1600:
			return problem(400, "InvalidParameter", "Invalid parameter: Message")
		}
		serial++
		return Said{200, fmt.Sprintf(`<PublishResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>00000000-0000-4000-8000-%012d</MessageId></PublishResult></PublishResponse>`, serial)}
	})
}

// signedByAWS signs the request again and compares.
func signedByAWS(a Asked) bool {
	given := a.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", a.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 15*time.Minute {
		return false
	}
	req, err := http.NewRequest(a.Method, "http://"+a.Host+a.Path, strings.NewReader(a.Body))
	if err != nil {
		return false
	}
	_, list, _ := strings.Cut(given, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	for _, name := range strings.Split(list, ";") {
		if name != "host" && name != "content-length" {
			req.Header.Set(name, a.Header.Get(name))
		}
	}
	sum := sha256.Sum256([]byte(a.Body))
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: AWSKeyID, SecretAccessKey: AWSSecret}, req, hex.EncodeToString(sum[:]), "sns", AWSRegion, at)
	return err == nil && given == req.Header.Get("Authorization")
}
