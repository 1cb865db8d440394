package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// need is a program that tests start, and the Debian packages that hold it.
type need struct {
	program  string
	packages []string
	why      string
}

var needs = []need{
	{"gcc", []string{"gcc", "libc6-dev"}, "the race detector"},
	{"nginx", []string{"nginx"}, "the target of kind nginx"},
	{"apache2", []string{"apache2"}, "the target of kind apache"},
	{"haproxy", []string{"haproxy"}, "the target of kind haproxy"},
	{"sshd", []string{"openssh-server"}, "the target of kind ssh"},
	{"systemd-analyze", []string{"systemd"}, "the units of deploy/systemd"},
	{"pg_ctlcluster", []string{"postgresql"}, "a server that begins TLS in the middle of its protocol"},
	{"/usr/share/tomcat10/bin/catalina.sh", []string{"tomcat10", "tomcat10-admin"}, "the recipe of Tomcat"},
	{"java", []string{"default-jre-headless"}, "Tomcat"},
	{"curl", []string{"curl"}, "the recipes"},
	{"/usr/bin/python3", []string{"python3"}, "the recipe of F5"},
	{"shellcheck", []string{"shellcheck"}, "the recipes"},
	{"named", []string{"bind9"}, "a DNS that takes updates, for DNS-01 challenges"},
	{"chromium", []string{"chromium", "fonts-noto-cjk", "fonts-inter"}, "the pages, in a real browser"},
	{"etcd", []string{"etcd-server"}, "the store of the Kubernetes API server"},
	{"prometheus-alertmanager", []string{"prometheus-alertmanager"}, "the channel of kind alertmanager"},
	{"promtool", []string{"prometheus"}, "metrics, rules and a server that scrapes"},
	{"strace", []string{"strace"}, "the proof that the store syncs"},
}

// path finds a program, also where only root's PATH leads.
func path(program string) (string, error) {
	p, err := exec.LookPath(program)
	if err != nil {
		for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/", "/sbin/"} {
			if p, err := exec.LookPath(dir + program); err == nil {
				return p, nil
			}
		}
	}
	return p, err
}

// setUp installs what is missing where it can, and notes what stays missing.
func (w *workshop) setUp(ctx context.Context) error {
	missing, packages := absent(w.needs)
	if len(missing) > 0 {
		if err := w.install(ctx, packages); err != nil {
			fmt.Fprintf(w.out, "not installed: %v\n", err)
		}
		missing, _ = absent(w.needs)
	}
	for _, n := range missing {
		w.missing = append(w.missing, fmt.Sprintf("%s, for %s (Debian and Ubuntu: apt-get install %s)", n.program, n.why, strings.Join(n.packages, " ")))
	}
	for _, n := range w.needs {
		if p, err := path(n.program); err == nil {
			fmt.Fprintf(w.out, "%s: %s\n", n.program, p)
		}
	}
	w.race = w.canRace(ctx)
	if len(w.missing) > 0 && w.settings.ci {
		return errors.New("CI needs all of it; missing: " + strings.Join(w.missing, "; "))
	}
	if !w.race && w.settings.ci {
		return errors.New("CI runs the race detector, which needs a C compiler and CGO_ENABLED=1")
	}
	return nil
}

func absent(needs []need) (missing []need, packages []string) {
	for _, n := range needs {
		if _, err := path(n.program); err != nil {
			missing = append(missing, n)
			packages = append(packages, n.packages...)
		}
	}
	return missing, packages
}

// install runs apt-get, as root or through sudo without a password.
func (w *workshop) install(ctx context.Context, packages []string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return errors.New("this is no Debian or Ubuntu; install it yourself")
	}
	var as []string
	if os.Geteuid() != 0 {
		if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
			return errors.New("this needs root or sudo without a password")
		}
		as = []string{"sudo", "-n"}
	}
	fmt.Fprintf(w.out, "installing by apt-get: %s\n", strings.Join(packages, " "))
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)} {
		argv := append(append(as, "env", "DEBIAN_FRONTEND=noninteractive", apt), args...)
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
		}
	}
	return nil
}

func (w *workshop) canRace(ctx context.Context) bool {
	out, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED", "CC").Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) < 2 || f[0] != "1" {
		return false
	}
	_, err = exec.LookPath(f[1])
	return err == nil
}
