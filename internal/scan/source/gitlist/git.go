package gitlist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
)

const (
	head     = "refs/neverlapse/list"
	maxList  = 16 << 20
	maxSaid  = 4 << 10
	waitMore = 5 * time.Second
)

var commit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func isCommit(text string) bool { return commit.MatchString(text) }

// fetch gets the commit that the ref names now; what is there already is not
// sent again.
func (s *Source) fetch(ctx context.Context) (string, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", err
	}
	if !exists(s.repo()) {
		if _, err := s.git(ctx, "init", "--quiet", "--bare", "--", s.repo()); err != nil {
			return "", err
		}
	}
	_, err := s.inRepo(ctx, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--force",
		"--end-of-options", s.options.Repository, s.options.ref()+":"+head)
	if err != nil {
		return "", err
	}
	out, err := s.inRepo(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", head+"^{commit}")
	at := strings.TrimSpace(string(out))
	if err == nil && !isCommit(at) {
		err = fault.New(fault.Configuration, "git names the commit %.80q", at)
	}
	return at, err
}

// blob reads the list out of a commit.
func (s *Source) blob(ctx context.Context, at string) ([]byte, error) {
	name := at + ":" + s.options.File
	said, err := s.inRepo(ctx, "cat-file", "-s", name)
	if err != nil {
		return nil, fault.New(fault.Configuration, "file: %s is not in the repository at %.12s: %w", s.options.File, at, err)
	}
	if size, err := strconv.Atoi(strings.TrimSpace(string(said))); err != nil || size > maxList {
		return nil, fault.New(fault.Configuration, "file: %s has %s bytes; a list has %d at most", s.options.File, bytes.TrimSpace(said), maxList)
	}
	text, err := s.inRepo(ctx, "cat-file", "blob", name)
	if err != nil {
		return nil, fault.New(fault.Configuration, "file: %s at %.12s is no file: %w", s.options.File, at, err)
	}
	return text, nil
}

func (s *Source) repo() string { return filepath.Join(s.dir, "repository.git") }

func (s *Source) inRepo(ctx context.Context, args ...string) ([]byte, error) {
	return s.git(ctx, append([]string{"--git-dir=" + s.repo()}, args...)...)
}

// settings keep git from asking anybody, from following anything that leads out
// of https, ssh and local paths, and from running anything that a repository or
// another configuration names.
func (s *Source) settings() []string {
	out := []string{
		"protocol.allow=never", "protocol.https.allow=always", "protocol.ssh.allow=always", "protocol.file.allow=always",
		"http.followRedirects=false", "core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false",
		"fetch.fsckObjects=true", "credential.helper=", "safe.directory=*",
	}
	if s.options.CredentialsFile != "" {
		out = append(out, "credential.helper=store --file="+s.options.CredentialsFile)
	}
	if s.options.RootFile != "" {
		out = append(out, "http.sslCAInfo="+s.options.RootFile)
	}
	ssh := "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes"
	if s.options.SSHKeyFile != "" {
		ssh += " -oIdentitiesOnly=yes -i " + s.options.SSHKeyFile
	}
	if s.options.KnownHostsFile != "" {
		ssh += " -oUserKnownHostsFile=" + s.options.KnownHostsFile
	}
	return append(out, "core.sshCommand="+ssh)
}

// git runs it once, with an environment of its own.
func (s *Source) git(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.timeout())
	defer cancel()
	var all []string
	for _, c := range s.settings() {
		all = append(all, "-c", c)
	}
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HTTPS_PROXY=" + os.Getenv("HTTPS_PROXY"), "NO_PROXY=" + os.Getenv("NO_PROXY"),
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &said, waitMore
	err := cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, fault.New(fault.Configuration, "the program git is not installed here: %w; install it (Debian: apt-get install git)", err)
	case errors.Is(context.Cause(ctx), context.Canceled):
		return nil, context.Canceled
	case ctx.Err() != nil:
		return nil, fault.New(fault.Unavailable, "git did not come to an end in %s", s.options.timeout())
	}
	return nil, explained(err, said.String())
}

// refusals are of people's making: what they say does not pass by itself.
var refusals = []string{
	"Authentication failed", "could not read Username", "could not read Password", "Permission denied", "Host key verification failed", "not found",
	"couldn't find remote ref", "does not appear to be a git repository", "does not exist", "not allowed", "certificate", "returned error: 401", "returned error: 403", "unable to update url base from redirection",
}

// explained gives an end of git its kind, by what it said.
func explained(err error, said string) error {
	text := scan.Clean(strings.Join(strings.Fields(said[:min(len(said), maxSaid)]), " "))
	if text == "" {
		text = err.Error()
	}
	for _, r := range refusals {
		if strings.Contains(said, r) {
			return fault.New(fault.Configuration, "git: %s; correct repository, ref or credentials", text)
		}
	}
	return fault.New(fault.Unavailable, "%w", fmt.Errorf("git: %s", text))
}
