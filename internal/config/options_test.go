package config

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

type password string

type files struct {
	Fullchain string        `mapstructure:"fullchain"`
	Mode      string        `mapstructure:"mode"`
	Timeout   time.Duration `mapstructure:"timeout"`
}

// options has every shape of field that an adapter may use.
type options struct {
	files2   `mapstructure:",squash"`
	Reload   []string          `mapstructure:"reload"`
	Env      map[string]string `mapstructure:"env"`
	Secret   password          `mapstructure:"secret"`
	Port     uint16            `mapstructure:"port"`
	Small    int8              `mapstructure:"small"`
	Ratio    float64           `mapstructure:"ratio"`
	Strict   *bool             `mapstructure:"strict"`
	Left     lifecycle.Span    `mapstructure:"left"`
	Any      any               `mapstructure:"any"`
	Dial     func()            `mapstructure:"-"`
	Untagged int
}

type files2 = files

func TestOptionsAreDecodedOverTheirDefaults(t *testing.T) {
	got := options{files2: files{Mode: "0644", Timeout: time.Second}, Port: 443}
	err := DecodeOptions("targets[0].options", map[string]any{
		"fullchain": "/a", "timeout": "1d", "reload": []any{"nginx", "-s", "reload"}, "env": map[string]any{"UPPER.Case": "x"},
		"secret": "s", "small": float64(-3), "ratio": 2, "strict": true, "left": "min(30d,1/3)", "any": map[string]any{"A": 1},
	}, &got)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := options{
		files2: files{"/a", "0644", 24 * time.Hour}, Reload: []string{"nginx", "-s", "reload"}, Env: map[string]string{"UPPER.Case": "x"},
		Secret: "s", Port: 443, Small: -3, Ratio: 2, Strict: &yes, Left: lifecycle.Span{Fixed: 30 * 24 * time.Hour, Num: 1, Den: 3},
		Any: map[string]any{"A": 1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
		t.Error(diff)
	}
	if err := DecodeOptions("x", nil, &got); err != nil {
		t.Errorf("no options: %v", err)
	}
}

func TestOptionsAreRefusedAllAtOnceAndNeverRepeatASecret(t *testing.T) {
	var out options
	err := DecodeOptions("targets[0].options", map[string]any{
		"fulchain": "/a", "timeout": 30, "reload": "nginx -s reload", "env": map[string]any{"PIN": 12345}, "secret": 12345,
		"port": 70000, "small": -129, "ratio": "1", "strict": "yes", "left": 0.33, "dial": 1,
		"mode": []byte("x"), "Untagged": true,
	}, &out)
	want := strings.TrimSpace(`
targets[0].options.Untagged: true or false stands where a whole number belongs; write it without quotes
targets[0].options.dial is not known; known here: fullchain, mode, timeout, reload, env, secret, port, small, ratio, strict, left, any, Untagged
targets[0].options.env.PIN: a number stands where text belongs; put it in quotes
targets[0].options.fulchain is not known; did you mean targets[0].options.fullchain?
targets[0].options.left: a number is not a duration; write 30s, 15m, 36h or 30d
targets[0].options.mode: a list stands where text belongs; put it in quotes
targets[0].options.port: 70000 does not fit; write a whole number from 0 to 65535
targets[0].options.ratio: text stands where a number belongs; write it without quotes
targets[0].options.reload: text stands where a list belongs; begin every item with '- '
targets[0].options.secret: a number stands where text belongs; put it in quotes
targets[0].options.small: -129 does not fit; write a whole number from -128 to 127
targets[0].options.strict: text stands where true or false belongs; write one of them without quotes
targets[0].options.timeout: a number is not a duration; write 30s, 15m, 36h or 30d
`)
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if strings.Contains(err.Error(), "12345") {
		t.Error("a secret is repeated")
	}
}

func TestNumbersMustFitTheirField(t *testing.T) {
	for name, v := range map[string]any{
		"negative": -1, "fraction": 0.5, "huge": math.MaxInt64, "not a number": math.NaN(), "huge fraction": 1e300,
	} {
		var out struct {
			N uint64 `mapstructure:"n"`
			M uint8  `mapstructure:"m"`
		}
		if err := DecodeOptions("o", map[string]any{"m": v}, &out); err == nil {
			t.Errorf("%s was taken for %d", name, out.M)
		}
	}
	var out struct {
		N int64 `mapstructure:"n"`
	}
	if err := DecodeOptions("o", map[string]any{"n": uint64(math.MaxUint64)}, &out); err == nil {
		t.Errorf("the largest number was taken for %d", out.N)
	}
}

func TestErrorsOfAdaptersGetTheirPath(t *testing.T) {
	inner := errors.New("key: is missing")
	whole := fmt.Errorf("both: %w", errors.Join(errors.New("a"), errors.New("b")))
	got := Under("targets[1].options", errors.Join(inner, errors.Join(whole, nil)))
	want := "targets[1].options.key: is missing\ntargets[1].options.both: a\nb"
	if got == nil || got.Error() != want || !errors.Is(got, inner) {
		t.Errorf("got\n%v\nwant\n%s", got, want)
	}
	for said, want := range map[string]string{
		"steps[0].notify[1].role: is unknown":                   "policies[0].steps[0].notify[1].role: is unknown",
		"listen tcp 127.0.0.1:80: bind: address already in use": "policies[0]: listen tcp 127.0.0.1:80: bind: address already in use",
		"open /etc/key: no such file or directory":              "policies[0]: open /etc/key: no such file or directory",
	} {
		if got := Under("policies[0]", errors.New(said)); got.Error() != want {
			t.Errorf("got\n%v\nwant\n%s", got, want)
		}
	}
	if Under("x", nil) != nil {
		t.Error("no error became one")
	}
}

func TestTheNearestKeyIsFound(t *testing.T) {
	known := []string{"kind", "options", "key_file", "cert_file", "sticky_timeout", "name"}
	for key, want := range map[string]string{
		"keyfile": "key_file", "KeyFile": "key_file", "key-file": "key_file", "nmae": "name", "knd": "kind", "kinds": "kind",
		"option": "options", "timeout": "sticky_timeout", "cert": "cert_file", "x": "", "zzzz": "", "": "", "ky": "",
	} {
		if got := nearest(key, known); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}
