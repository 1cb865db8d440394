package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/server/common/authorization"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyWhoShowsAKeyOfTheFileMayDoAnything(t *testing.T) {
	one, two := strings.Repeat("a", minKey), strings.Repeat("b", minKey)
	a := access{apiKeyFile: file(t, one+"\n"+two+"\n")}
	for token, want := range map[string]authorization.Role{"Bearer " + one: authorization.RoleAdmin, "Bearer " + two: authorization.RoleAdmin, "": 0, "Bearer ": 0, "Bearer " + one + "x": 0} {
		claims, err := a.GetClaims(&authorization.AuthInfo{AuthToken: token})
		if err != nil || claims.System != want {
			t.Errorf("%q: %+v, %v", token, claims, err)
		}
	}
}

func TestAURLOfPostgreSQLIsRefusedWithoutItsPassword(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:hunter2 x@h/d": "no URL", "mysql://u:hunter2@h/d": "want postgres://", "postgres://u:hunter2@h": "want postgres://",
		"postgres://:hunter2@h/d": "the user", "postgres://u:hunter2%20x@h/d": "space",
	} {
		if _, err := readPostgres(file(t, text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"postgres://u:p@db/d": "verify-full", "postgres://u:p@127.0.0.1/d": "", "postgres://u:p@db/d?sslmode=require": "require",
	} {
		if p, err := readPostgres(file(t, text)); err != nil || p.main.ConnectAttributes["sslmode"] != want || p.visibility.DatabaseName != "d_visibility" {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
}
