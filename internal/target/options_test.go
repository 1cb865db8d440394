package target_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
)

func TestOptionsThatCannotWorkAreRefusedWithFieldAndRemedy(t *testing.T) {
	pair := target.Files{Fullchain: "/etc/ssl/f.pem", Key: "/etc/ssl/k.pem"}
	with := func(change func(*target.FileOptions)) target.FileOptions {
		o := target.FileOptions{Files: pair}
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		options target.FileOptions
		want    []string
	}{
		"nothing":            {target.FileOptions{}, []string{"key: no file receives", "fullchain: no file receives", "set key or combined"}},
		"no key":             {target.FileOptions{Files: target.Files{Fullchain: "/a/f.pem"}}, []string{"key: no file receives"}},
		"no leaf":            {target.FileOptions{Files: target.Files{Key: "/a/k.pem", Chain: "/a/c.pem"}}, []string{"fullchain: no file receives"}},
		"relative":           {with(func(o *target.FileOptions) { o.Key = "ssl/k.pem" }), []string{`key: "ssl/k.pem" is not a clean absolute path`}},
		"dots":               {with(func(o *target.FileOptions) { o.Key = "/etc/ssl/../../etc/cron.d/x" }), []string{"key:", "clean absolute path"}},
		"doubled":            {with(func(o *target.FileOptions) { o.Fullchain = "/etc//ssl/x" }), []string{"fullchain:", "clean absolute path"}},
		"root":               {with(func(o *target.FileOptions) { o.Key = "/" }), []string{"key:", "clean absolute path"}},
		"newline":            {with(func(o *target.FileOptions) { o.Key = "/etc/ssl/k\n.pem" }), []string{"key:", "control character"}},
		"NUL":                {with(func(o *target.FileOptions) { o.Key = "/etc/ssl/k\x00.pem" }), []string{"key:", "control character"}},
		"300 bytes":          {with(func(o *target.FileOptions) { o.Key = "/etc/" + strings.Repeat("k", 300) }), []string{"key:", "300 bytes is too long"}},
		"same file":          {with(func(o *target.FileOptions) { o.Key = o.Fullchain }), []string{"key:", "already the file of fullchain"}},
		"path in directory":  {target.FileOptions{Files: target.Files{Directory: "/etc/ssl", Key: "/etc/ssl/k.pem", Fullchain: "f"}}, []string{"key: with directory, give the file's name alone"}},
		"escape":             {target.FileOptions{Files: target.Files{Directory: "/etc/ssl", Key: "..", Fullchain: "f"}}, []string{"key: with directory"}},
		"relative directory": {target.FileOptions{Files: target.Files{Directory: "ssl"}}, []string{"directory:", "clean absolute path"}},
		"mode as a number":   {with(func(o *target.FileOptions) { o.Mode = "416" }), []string{`mode: "416" is not a mode`, "in quotes"}},
		"open key":           {with(func(o *target.FileOptions) { o.KeyMode = "0644" }), []string{"key_mode: 0644 opens the private key to everybody", "0640"}},
		"owner":              {with(func(o *target.FileOptions) { o.Owner = "no-such-user" }), []string{"owner:", "create the user"}},
		"group":              {with(func(o *target.FileOptions) { o.Group = "no-such-group" }), []string{"group:", "create the group"}},
		"timeout":            {with(func(o *target.FileOptions) { o.Timeout = -time.Second }), []string{"timeout: -1s is not between"}},
		"empty check":        {with(func(o *target.FileOptions) { o.Check = []string{} }), []string{"check: the argument list is empty"}},
		"one string":         {with(func(o *target.FileOptions) { o.Reload = []string{"systemctl reload haproxy"} }), []string{"reload:", "is not in /usr/local/sbin"}},
		"relative program":   {with(func(o *target.FileOptions) { o.Reload = []string{"./reload"} }), []string{"reload:", "absolute path or a bare name"}},
		"no program":         {with(func(o *target.FileOptions) { o.Check = []string{"/etc/passwd"} }), []string{"check:", "not an executable file"}},
		"NUL in an argument": {with(func(o *target.FileOptions) { o.Check = []string{"ls", "a\x00b"} }), []string{"check: argument 1 holds a NUL"}},
		"several at once":    {with(func(o *target.FileOptions) { o.Key, o.Mode = "x", "9" }), []string{"key:", "mode:"}},
	} {
		_, err := target.NewFile("web", c.options)
		if !fault.Is(err, fault.Configuration) {
			t.Errorf("%s: NewFile = %v, want fault.Configuration", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q", name, err, want)
			}
		}
	}
}

func TestNginxOptionsAreChecked(t *testing.T) {
	err := target.NginxOptions{Files: target.Files{Directory: "/etc/ssl/x"}, Binary: "no-such-nginx", Config: "nginx.conf", Prefix: "a", ErrorLog: "/a/../b"}.Validate()
	for _, want := range []string{"binary:", "config:", "prefix:", "error_log:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, lacks %q", err, want)
		}
	}
}

func TestOptionsDecodeStrictly(t *testing.T) {
	decode := func(in map[string]any, out any) error {
		d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: out, ErrorUnused: true})
		must(t, err)
		return d.Decode(in)
	}
	var f target.FileOptions
	must(t, decode(map[string]any{
		"directory": "/etc/ssl/x", "fullchain": "f.pem", "key": "k.pem", "owner": "0", "group": "0", "mode": "0640", "key_mode": "0600",
		"timeout": time.Second, "check": []string{"ls"}, "reload": []string{"ls"},
	}, &f))
	must(t, f.Validate())
	var n target.NginxOptions
	must(t, decode(map[string]any{"directory": "/etc/ssl/x", "binary": "ls", "config": "/etc/n.conf", "prefix": "/srv", "error_log": "/srv/e.log"}, &n))
	must(t, n.Validate())
	if err := decode(map[string]any{"directory": "/etc/ssl/x", "check": []string{"ls"}}, &n); err == nil {
		t.Error("nginx brings its own check; one in its options must be refused")
	}
}
