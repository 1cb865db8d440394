package notify

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// slackHints says how to mend what Slack refuses.
var slackHints = map[string]string{
	"invalid_auth":           "the token is not valid; copy the bot token (xoxb-…) again from the app's page",
	"not_authed":             "the token is not valid; copy the bot token (xoxb-…) again from the app's page",
	"token_revoked":          "the token was revoked; reinstall the app and copy the new bot token",
	"token_expired":          "the token has expired; reinstall the app and copy the new bot token",
	"account_inactive":       "the app was removed from the workspace; install it again and copy the new bot token",
	"missing_scope":          "add the scope to the app, reinstall it and copy the bot token again",
	"channel_not_found":      "check the channel ID, and invite the app if the channel is private",
	"not_in_channel":         "invite the app to the channel",
	"is_archived":            "the channel is archived; name another",
	"user_not_found":         "check the user ID in the directory",
	"user_disabled":          "the user has left the workspace; mend the directory",
	"cannot_dm_bot":          "the user ID is a bot's; mend the directory",
	"no_permission":          "the workspace does not let the app do this; ask its administrator",
	"restricted_action":      "the workspace does not let the app post there; ask its administrator",
	"edit_window_closed":     "the workspace forbids late edits; allow them or live with a reply in the thread",
	"cant_update_message":    "the message was posted by another app; was the app installed anew?",
	"messages_tab_disabled":  "people cannot read what the app sends them; on the app's page, under App Home, switch the Messages Tab on",
	"not_allowed_token_type": "token_file holds another kind of token; " + whereBot,
	"method_not_supported":   "api_url does not lead to Slack's API",
}

var slackTransient = map[string]bool{
	"internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true, "team_added_to_org": true,
	"expired_trigger_id": true, "exchanged_trigger_id": true, "invalid_trigger_id": true, // another press has another
}

// slackGone are messages and threads that cannot be answered or changed any more.
var slackGone = map[string]bool{
	"message_not_found": true, "thread_not_found": true, "invalid_thread_ts": true, "invalid_ts": true,
	"cannot_reply_to_message": true, "restricted_action_thread_locked": true,
}

// slackNowhere are refusals for the sake of one user or conversation.
var slackNowhere = map[string]bool{
	"user_not_found": true, "users_not_found": true, "user_disabled": true, "user_not_visible": true, "cannot_dm_bot": true,
	"channel_not_found": true, "not_in_channel": true, "is_archived": true,
}

var slackInvalid = map[string]bool{
	"invalid_blocks": true, "invalid_blocks_format": true, "msg_too_long": true, "msg_blocks_too_long": true, "no_text": true,
	"invalid_arguments": true, "metadata_too_large": true, "invalid_metadata_format": true, "invalid_metadata_schema": true,
	"view_too_large": true,
}

// slackFault maps what went wrong while doing something to a kind of fault.
func slackFault(doing string, err error) error {
	if err == nil {
		return nil
	}
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	var refused slack.SlackErrorResponse
	var unknown x509.UnknownAuthorityError
	var busy *slackBusy
	switch {
	case errors.As(err, &busy):
		return fault.After(busy.until, "slack: %s: %w", doing, busy)
	case errors.As(err, &unknown):
		return fault.New(fault.Configuration, "slack: %s: %w; if a proxy on the way decrypts, name its root in root_file", doing, err)
	case errors.As(err, &limited):
		return fault.After(time.Now().Add(limited.RetryAfter), "slack: %s: %w", doing, err)
	case errors.As(err, &status):
		switch {
		case status.Code == http.StatusTooManyRequests:
			return fault.After(time.Now().Add(30*time.Second), "slack: %s: %w", doing, err)
		case status.Code >= 500, status.Code == http.StatusRequestTimeout, status.Code == http.StatusTooEarly:
			return fault.New(fault.Transient, "slack: %s: %w", doing, err)
		}
		return fault.New(fault.Configuration, "slack: %s: %w; does api_url, or a proxy on the way, lead to Slack?", doing, err)
	case errors.As(err, &refused):
		return slackRefusal(doing, refused)
	}
	return fault.New(fault.Transient, "slack: %s: %w", doing, err)
}

func slackRefusal(doing string, r slack.SlackErrorResponse) error {
	code := alert.Clean(r.Err)
	switch {
	case code == "ratelimited" || code == "rate_limited":
		return fault.After(time.Now().Add(30*time.Second), "slack: %s: %w", doing, r)
	case slackTransient[code]:
		return fault.New(fault.Transient, "slack: %s: %w", doing, r)
	case slackInvalid[code]:
		return fault.New(fault.Invalid, "slack: %s: %s: %s", doing, code, alert.Clean(strings.Join(r.ResponseMetadata.Messages, "; ")))
	case slackGone[code]:
		return fault.New(fault.NotFound, "slack: %s: %w", doing, r)
	}
	hint := slackHints[code]
	if hint == "" {
		hint = "Slack's documentation of the method explains the word"
	}
	if r.Needed != "" {
		hint = "needed: " + alert.Clean(r.Needed) + "; " + hint
	}
	if slackNowhere[code] {
		return fault.NoAddress("slack: %s: %s: %s", doing, code, hint)
	}
	return fault.New(fault.Configuration, "slack: %s: %s: %s", doing, code, hint)
}
