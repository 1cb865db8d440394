package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// enroll has the product guard the certificate of a site, by the CLI.
func (s *stage) enroll(ctx context.Context, sc scene, at *site) error {
	args := []string{"enroll", at.address + "#" + sc.host, "--cert-name", sc.name}
	if sc.managed {
		args[1] += "@" + sc.host
		args = append(args, "--manage", "--ca", "pebble", "--target", sc.host)
	}
	s.seen.look() // so that the oracle knows what is served
	if err := s.types(ctx, sc, append(args, "--owner", owner, "--team", "platform", "--policy", sc.name)...); err != nil {
		return err
	}
	s.enlisted(sc.subject)
	return nil
}

// types types a command of the product's CLI. One that fails because the engine
// or the worker was killed on purpose meanwhile is typed again when they are back.
func (s *stage) types(ctx context.Context, sc scene, args ...string) error {
	for {
		begin := time.Now()
		err := s.typed(ctx, sc, args...)
		if _, disturbed := s.down(begin); err == nil || !disturbed {
			return err
		}
		if err := wait(ctx, "the killed process to be back", func() bool { now, _ := s.down(begin); return !now }); err != nil {
			return err
		}
	}
}

func (s *stage) typed(ctx context.Context, sc scene, args ...string) error {
	tell := func(text string) { s.console.tell(line{scene: sc, from: "shell", text: text}) }
	tell("$ neverlapse " + strings.Join(quoted(args), " "))
	out, code := s.CLI(ctx, args...)
	if code != 0 {
		return fmt.Errorf("neverlapse %s: exit code %d: %s", args[0], code, out)
	}
	for _, l := range lines(out) {
		details := strings.HasPrefix(l, " ") || strings.HasSuffix(l, " serves") || strings.HasPrefix(l, "see where")
		if !details {
			tell(l)
		}
	}
	return nil
}

func quoted(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = a; strings.ContainsAny(a, " #") {
			out[i] = "'" + a + "'"
		}
	}
	return out
}

func lines(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.TrimRight(l, " \n"); l != "" {
			out = append(out, l)
		}
	}
	return out
}
