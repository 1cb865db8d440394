package target

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestTheStepsOfADeploymentAreToldAndNotTaken(t *testing.T) {
	dir := t.TempDir()
	f, err := NewFile("web", FileOptions{Files: Files{Directory: dir}, Check: []string{"test", "my check", `a"b`}, Reload: []string{"touch", "reload"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNginx("web", NginxOptions{Files: Files{Directory: dir}, Config: "/etc/nginx/web.conf"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewApache("web", ApacheOptions{Files: Files{Directory: dir}, Binary: "apache2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		get           func() (cert.Steps, error)
		check, reload string
	}{
		{func() (cert.Steps, error) { return f.Steps(t.Context()) }, `test "my check" "a\"b"`, "touch reload"},
		{func() (cert.Steps, error) { return n.Steps(t.Context()) }, "nginx -c /etc/nginx/web.conf -t", "nginx -c /etc/nginx/web.conf -s reload"},
		{func() (cert.Steps, error) { return a.Steps(t.Context()) }, "apache2 -t", "apache2 -k graceful"},
	} {
		s, err := c.get()
		if err != nil || s.Check != c.check || s.Reload != c.reload || !slices.Contains(s.Writes, filepath.Join(dir, "live", "privkey.pem")) {
			t.Errorf("%+v %v; want check %s, reload %s", s, err, c.check, c.reload)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("something was written: %v %v", left, err)
	}
}
