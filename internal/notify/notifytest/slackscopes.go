package notifytest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// admit checks the token of a request and its scopes, as Slack's pages of the
// methods have them, and says in the headers what the token has.
func (s *SlackServer) admit(h http.Header, method string, r *http.Request) *refusal {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = r.PostForm.Get("token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	has, needed := s.scopes, scopeOf(method, r.PostForm)
	forApps := method == "apps.connections.open"
	if forApps {
		has, needed = s.appScopes, "connections:write"
	}
	switch {
	case token == "":
		return &refusal{code: "not_authed"}
	case token == s.Token && forApps, token == s.AppToken && !forApps:
		return &refusal{code: "not_allowed_token_type"}
	case token == s.AppToken && !bearer: // an app-level token counts in the header only
		return &refusal{code: "invalid_auth"}
	case token != s.Token && token != s.AppToken:
		return &refusal{code: "invalid_auth"}
	case s.revoked:
		return &refusal{code: "token_revoked"}
	}
	h.Set("X-OAuth-Scopes", strings.Join(has, ","))
	h.Set("X-Accepted-OAuth-Scopes", needed)
	if needed != "" && !slices.Contains(has, needed) {
		return &refusal{code: "missing_scope", needed: needed, provided: strings.Join(has, ",")}
	}
	return nil
}

// scopeOf is what a method needs of a bot token, for the kind of conversation
// that it is about.
func scopeOf(method string, f url.Values) string {
	switch method {
	case "chat.postMessage", "chat.update":
		return "chat:write"
	case "conversations.open":
		return "im:write"
	case "conversations.history", "conversations.replies":
		switch channel := f.Get("channel"); {
		case strings.HasPrefix(channel, "D"):
			return "im:history"
		case strings.HasPrefix(channel, "G"):
			return "groups:history"
		}
		return "channels:history"
	}
	return ""
}
