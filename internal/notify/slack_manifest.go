package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// slackMethods are the methods of Slack's Web API that are called with the bot
// token, and the scopes that each needs, by the kind of conversation where there
// are several (https://docs.slack.dev/reference/methods).
var slackMethods = map[string][]string{
	"auth.test":             nil,
	"chat.postMessage":      {"chat:write"},
	"chat.update":           {"chat:write"},
	"conversations.open":    {"im:write"},
	"conversations.history": {"channels:history", "groups:history", "im:history"},
	"conversations.replies": {"channels:history", "groups:history", "im:history"},
	"views.open":            nil,
}

// SlackScopes are the scopes that the bot token must have, sorted.
func SlackScopes() []string {
	all := map[string]bool{}
	for _, scopes := range slackMethods {
		for _, s := range scopes {
			all[s] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Missing are the scopes that the token lacks; none if Slack does not say what
// it has.
func (i SlackIdentity) Missing() []string {
	if i.Scopes == nil {
		return nil
	}
	return slices.DeleteFunc(SlackScopes(), func(s string) bool { return slices.Contains(i.Scopes, s) })
}

const slackManifest = `# The Slack app of Neverlapse. Paste it at https://api.slack.com/apps?new_app=1
# under "From a manifest", tab YAML.
display_information:
  name: Neverlapse
  description: Keeps TLS certificates from lapsing
features:
  app_home: # without the Messages Tab nobody can be sent a direct message
    home_tab_enabled: false
    messages_tab_enabled: true
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: Neverlapse
    always_online: true
oauth_config:
  scopes:
    bot:
%s
settings:
  interactivity:
    is_enabled: true
%s  org_deploy_enabled: false
  socket_mode_enabled: %t
  token_rotation_enabled: false
`

// SlackManifest gives the manifest (YAML) of the app that SlackOptions describes.
// With a request URL clicks come there by HTTP, without one by Socket Mode.
func SlackManifest(requestURL string) string {
	url := ""
	if requestURL != "" {
		url = fmt.Sprintf("    request_url: %q\n", requestURL)
	}
	return fmt.Sprintf(slackManifest, "      - "+strings.Join(SlackScopes(), "\n      - "), url, requestURL == "")
}
