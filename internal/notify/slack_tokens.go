package notify

import (
	"errors"
	"strings"
)

// Where each secret of an app is found, on its page at api.slack.com/apps.
const (
	whereBot     = "the bot token begins with xoxb- and is found under OAuth & Permissions, Bot User OAuth Token"
	whereApp     = "an app-level token begins with xapp- and is made under Basic Information, App-Level Tokens, with the scope connections:write"
	whereSigning = "the signing secret is found under Basic Information, App Credentials"
)

// checkBotToken refuses the other secrets that Slack shows on the same pages.
// No error repeats the token.
func checkBotToken(token string) error {
	switch {
	case startsWith(token, "xoxb-", "xoxe.xoxb-"):
		return nil
	case startsWith(token, "xapp-"):
		return errors.New("token: this is an app-level token, which belongs in app_token_file; " + whereBot)
	case startsWith(token, "xoxp-", "xoxe.xoxp-"):
		return errors.New("token: this is a user's token, with which messages would come from that person; " + whereBot)
	case startsWith(token, "xoxe-"):
		return errors.New("token: this is a refresh token; switch token rotation off and install the app again; " + whereBot)
	}
	return errors.New("token: this is no token of a bot; " + whereBot)
}

func checkAppToken(token string) error {
	switch {
	case startsWith(token, "xapp-"):
		return nil
	case startsWith(token, "xoxb-", "xoxe.xoxb-"):
		return errors.New("app_token: this is the bot token, which belongs in token_file; " + whereApp)
	}
	return errors.New("app_token: this is no app-level token; " + whereApp)
}

func checkSigningSecret(secret string) error {
	if startsWith(secret, "xoxb-", "xoxp-", "xoxe", "xapp-") {
		return errors.New("signing_secret: this is a token; " + whereSigning)
	}
	return nil
}

func startsWith(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
