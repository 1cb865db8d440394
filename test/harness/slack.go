package harness

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

func (w *World) newSlack() (*notifytest.SlackServer, error) {
	if w.Behind != nil {
		return notifytest.NewSlackServerTLS(proxiedSlack)
	}
	return notifytest.NewSlackServer("")
}

// slackOptions is YAML.
func (w *World) slackOptions() string {
	in := func(name string) string { return filepath.Join(w.Dir, name) }
	out := fmt.Sprintf("api_url: %q, token_file: %s", w.Slack.APIURL(), in("slack.token"))
	if w.SocketMode {
		out += ", app_token_file: " + in("slack.app")
	} else {
		out += ", signing_secret_file: " + in("slack.secret")
	}
	if w.Behind != nil {
		out += ", root_file: " + in("slack.pem")
	}
	return "{" + out + "}"
}

// directory is the CA's, by a name that only the forward proxy knows if there is one.
func (w *World) directory() string {
	if w.Behind != nil {
		return strings.Replace(w.CA.Directory(), "127.0.0.1", proxiedCA, 1)
	}
	return w.CA.Directory()
}
