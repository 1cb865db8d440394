package dnsprovider

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheNamesAreThoseOfLego(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-acme/lego/v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "providers", "dns", "zz_gen_dns_providers.go"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, line := range regexp.MustCompile(`(?m)^\tcase (.*):$`).FindAllStringSubmatch(string(source), -1) {
		for _, name := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(line[1], -1) {
			if name[1] != "manual" {
				want = append(want, name[1])
			}
		}
	}
	slices.Sort(want)
	if len(want) < 150 || !slices.Equal(want, slices.Sorted(slices.Values(Known()))) {
		t.Errorf("names.txt is not what lego has (%d names): update it", len(want))
	}
}

func TestEveryProviderOfThePlainBuildIsThere(t *testing.T) {
	for _, name := range append(Plain(), "dnsupdate") {
		if !slices.Contains(Known(), name) {
			t.Errorf("%s is no name of lego's", name)
		}
		// Without settings they say what is missing, or take the cloud's own.
		if p, err := New(name); err == nil && p == nil || err != nil && strings.Contains(err.Error(), "not in this build") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if len(Plain()) < 12 {
		t.Errorf("only %d providers", len(Plain()))
	}
}

func TestANameThatIsNotInThisBuildSaysHowToGetIt(t *testing.T) {
	t.Parallel()
	_, err := New("inwx")
	switch {
	case err == nil:
		t.Error("inwx needs credentials")
	case Everything == strings.Contains(err.Error(), "go build -tags alldns"):
		t.Errorf("everything in this build: %v; %v", Everything, err)
	}
	for _, name := range []string{"cloudflair", "manual"} {
		if _, err := New(name); err == nil || !strings.Contains(err.Error(), "is no DNS provider of lego; use one of acme-dns, azuredns, cloudflare") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProgramGetsArgumentsAndNoSecrets(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "program")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>" + dir + "/args\nenv >" + dir + "/env\necho 'zone is locked' >&2\nexit ${EXEC_CODE:-0}\n"
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LEGO_DISABLE_CNAME_SUPPORT", "true") // nothing here is looked up
	t.Setenv("CLOUDFLARE_DNS_API_TOKEN", "a secret of another provider")
	t.Setenv("EXEC_PATH", file)
	p, err := New("exec")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Present("example.com", "token", "token.thumb"); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil || !regexp.MustCompile(`^present\n_acme-challenge\.example\.com\.\n[A-Za-z0-9_-]{43}\n$`).Match(args) {
		t.Errorf("arguments %q: %v", args, err)
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil || !strings.Contains(string(env), "EXEC_PATH=") || strings.Contains(string(env), "secret") {
		t.Errorf("environment %q: %v", env, err)
	}
	t.Setenv("EXEC_CODE", "3")
	t.Setenv("EXEC_MODE", "RAW")
	if p, err = New("exec"); err != nil {
		t.Fatal(err)
	}
	err = p.CleanUp("-x.example.com", "token", "token.thumb")
	if err == nil || !strings.Contains(err.Error(), "cleanup: exit status 3: zone is locked") {
		t.Errorf("%v", err)
	}
	if args, _ = os.ReadFile(filepath.Join(dir, "args")); !strings.HasSuffix(string(args), "cleanup\n--\n-x.example.com\ntoken\ntoken.thumb\n") {
		t.Errorf("arguments %q", args)
	}
	t.Setenv("EXEC_PATH", "program")
	if _, err := New("exec"); err == nil || !strings.Contains(err.Error(), "is not an absolute path") {
		t.Errorf("%v", err)
	}
}
