package notifytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// refused is what a vendor says to a request that is not as documented.
func refused(status int, format string, args ...any) Said {
	text, _ := json.Marshal(fmt.Sprintf(format, args...))
	return Said{status, fmt.Sprintf(`{"message":%s}`, text)}
}

// exactly decodes a body that may have the documented fields only.
func exactly(body string, out any) error {
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(out)
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// inEUCKR counts bytes as Korean carriers do.
func inEUCKR(s string) (n int) {
	for _, r := range s {
		if n++; r > 0x7f {
			n++
		}
	}
	return n
}

var (
	isURL    = regexp.MustCompile(`^https?://[^\s]+$`)
	isColour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
	isDigits = regexp.MustCompile(`^[0-9]+$`)
)

// Dooray is an incoming hook of Dooray! Messenger.
func Dooray(a Asked) Said {
	var b struct {
		BotName, BotIconImage, Text string
		Attachments                 []struct{ Title, TitleLink, Text, AuthorName, AuthorLink, ImageURL, ThumbURL, Color string }
	}
	failed := func(why string) Said {
		return Said{200, fmt.Sprintf(`{"header":{"isSuccessful":false,"resultCode":-1,"resultMessage":%q}}`, why)}
	}
	if err := exactly(a.Body, &b); err != nil {
		return refused(400, "%v", err)
	}
	if !strings.HasPrefix(a.Path, "/services/") || b.Text == "" {
		return failed("text field is required.")
	}
	for _, x := range b.Attachments {
		if x.TitleLink != "" && !isURL.MatchString(x.TitleLink) {
			return failed("titleLink is no URL")
		}
	}
	return Said{200, `{"header":{"isSuccessful":true,"resultCode":0,"resultMessage":"Success"},"result":null}`}
}

// Jandi is an incoming webhook of JANDI.
func Jandi(a Asked) Said {
	var b struct {
		Body, ConnectColor string
		ConnectInfo        []struct{ Title, Description, ImageURL string }
	}
	switch err := exactly(a.Body, &b); {
	case err != nil:
		return refused(400, "%v", err)
	case a.Header.Get("Accept") != "application/vnd.tosslab.jandi-v2+json":
		return refused(406, "Accept: %s", a.Header.Get("Accept"))
	case b.Body == "":
		return refused(400, "body is required")
	case b.ConnectColor != "" && !isColour.MatchString(b.ConnectColor):
		return refused(400, "connectColor %s", b.ConnectColor)
	}
	return Said{200, ""}
}

// KakaoWorkKey is the app key of a bot that KakaoWork knows.
const KakaoWorkKey = "kakao.0f1e2d3c"

// KakaoWork is messages.send_by_email of KakaoWork, which says no with 200, too.
func KakaoWork(a Asked) Said {
	var b struct {
		Email, Text string
		Blocks      []map[string]any
	}
	failed := func(code, why string) Said {
		return Said{200, fmt.Sprintf(`{"success":false,"error":{"code":%q,"message":%q},"message":null}`, code, why)}
	}
	switch err := exactly(a.Body, &b); {
	case a.Path != "/v1/messages.send_by_email":
		return refused(404, "no such method")
	case a.Header.Get("Authorization") != "Bearer "+KakaoWorkKey:
		return failed("invalid_authentication", "invalid credential")
	case err != nil || b.Email == "" || b.Text == "" || units(b.Text) > 500:
		return failed("invalid_parameter", fmt.Sprint("text, email: ", err))
	}
	return Said{200, `{"success":true,"error":null,"message":{"id":"757617552587034624","text":"","conversation_id":"10694910","send_time":1,"update_time":1}}`}
}

// Works is the app Incoming Webhook of NAVER WORKS.
func Works(a Asked) Said {
	var b struct {
		Title  string
		Body   struct{ Text string }
		Button *struct{ Label, URL string }
	}
	switch err := exactly(a.Body, &b); {
	case err != nil || b.Body.Text == "":
		return Said{400, `{"code":"400","description":"missing parameter"}`}
	case b.Button != nil && (b.Button.Label == "" || !isURL.MatchString(b.Button.URL)):
		return Said{400, `{"code":"400","description":"invalid parameter"}`}
	}
	return Said{200, `{"code":"200","description":"success"}`}
}

// WorksToken is an access token that NAVER WORKS knows.
const WorksToken = "kr1AAAA0f1e2d3c"

// WorksBot sends a message of a bot of NAVER WORKS to a user.
func WorksBot(a Asked) Said {
	var b struct{ Content struct{ Type, Text string } }
	path := regexp.MustCompile(`^/v1\.0/bots/[0-9]+/users/[^/?]+/messages$`)
	switch err := exactly(a.Body, &b); {
	case a.Header.Get("Authorization") != "Bearer "+WorksToken:
		return Said{401, `{"code":"UNAUTHORIZED","description":"Authentication failed"}`}
	case !path.MatchString(a.Path):
		return Said{404, `{"code":"NOT_FOUND","description":"no such resource"}`}
	case err != nil || b.Content.Type != "text" || b.Content.Text == "" || units(b.Content.Text) > 2000:
		return Said{400, `{"code":"INVALID_PARAMETER","description":"content"}`}
	}
	return Said{201, ""}
}

// Keys of the SMS services that the stand-ins know.
const (
	NHNAppKey    = "nhnAppKey0f1e"
	NHNSecretKey = "nhnSecret2d3c"
	SENSService  = "ncp:sms:kr:257000000000:neverlapse"
	NCPAccessKey = "ncpAccess0f1e"
	NCPSecretKey = "ncpSecret2d3c"
)

// NHNSMS is sender/sms of NHN Cloud, Notification > SMS, API v3.0.
func NHNSMS(a Asked) Said {
	var b struct {
		Body, SendNo  string
		RecipientList []struct{ RecipientNo, CountryCode string }
	}
	failed := func(code int, why string) Said {
		return Said{200, fmt.Sprintf(`{"header":{"isSuccessful":false,"resultCode":%d,"resultMessage":%q}}`, code, why)}
	}
	switch err := exactly(a.Body, &b); {
	case a.Path != "/sms/v3.0/appKeys/"+NHNAppKey+"/sender/sms" || a.Header.Get("X-Secret-Key") != NHNSecretKey:
		return failed(-4003, "Invalid secret key.")
	case !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json"):
		return refused(415, "Content-Type")
	case err != nil || b.Body == "" || !isDigits.MatchString(b.SendNo) || len(b.RecipientList) == 0:
		return failed(-1006, fmt.Sprint("Invalid parameter. ", err))
	case inEUCKR(b.Body) > 90:
		return failed(-1007, "Message body is too long.")
	case !isDigits.MatchString(b.RecipientList[0].RecipientNo):
		return failed(-1008, "Invalid recipient number.")
	}
	return Said{200, `{"header":{"isSuccessful":true,"resultCode":0,"resultMessage":"SUCCESS"},"body":{"data":{"requestId":"20261125013000abcdefGH10","statusCode":"2"}}}`}
}

// SENS is messages of NAVER Cloud Platform, SENS SMS v2, with its signature.
func SENS(a Asked) Said {
	var b struct {
		Type, ContentType, CountryCode, From, Subject, Content string
		Messages                                               []struct{ To, Subject, Content string }
	}
	stamp := a.Header.Get("x-ncp-apigw-timestamp")
	h := hmac.New(sha256.New, []byte(NCPSecretKey))
	fmt.Fprintf(h, "%s %s\n%s\n%s", a.Method, a.Path, stamp, NCPAccessKey)
	at, _ := strconv.ParseInt(stamp, 10, 64)
	path, _ := url.PathUnescape(a.Path)
	switch err := exactly(a.Body, &b); {
	case a.Header.Get("x-ncp-apigw-signature-v2") != base64.StdEncoding.EncodeToString(h.Sum(nil)), a.Header.Get("x-ncp-iam-access-key") != NCPAccessKey,
		time.Since(time.UnixMilli(at)).Abs() > 5*time.Minute:
		return Said{401, `{"error":{"errorCode":"200","message":"Authentication Failed"}}`}
	case path != "/sms/v2/services/"+SENSService+"/messages":
		return Said{404, `{"error":{"errorCode":"300","message":"Not Found Exception"}}`}
	case err != nil || b.Type != "SMS" || b.Content == "" || inEUCKR(b.Content) > 90 || !isDigits.MatchString(b.From) || len(b.Messages) == 0 || !isDigits.MatchString(b.Messages[0].To):
		return Said{400, fmt.Sprintf(`{"status":400,"errorMessage":"bad request %v"}`, err)}
	}
	return Said{202, `{"requestId":"VORSSA-0001","requestTime":"2026-11-25T10:30:00.000","statusCode":"202","statusName":"success"}`}
}
