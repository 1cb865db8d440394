package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
	"github.com/neverlapse/neverlapse/test/harness"
)

func TestAFleetOnAFolderMovesToPostgreSQLAndIsRenewedThere(t *testing.T) {
	t.Parallel()
	url := postgrestest.Start(t).Database(t)
	w := prepare(t, harness.Options{Policies: early, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.start()
	w.manage("shop", 0, "--policy", "early")
	first := w.live("shop", w.served(0))
	told := w.journal("shop", "enrolled", "outcome")

	// The second configuration differs in the store alone.
	folder := w.Config
	text, err := os.ReadFile(folder)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "store: {")
	_, after, _ = strings.Cut(after, "\n")
	writeFile(t, filepath.Join(w.Dir, "url"), []byte(url))
	database := filepath.Join(w.Dir, "on-postgres.yaml")
	writeFile(t, database, []byte(before+"store: {kind: postgres, options: {url_file: "+filepath.Join(w.Dir, "url")+", key_file: "+filepath.Join(w.Dir, "store.key")+"}}\n"+after))

	says(t, w.cli(4, "store", "copy", folder, database), "uses it", "stop all workers of this store first")
	w.Worker.Stop()
	w.eventually("the stopped worker to be forgotten", func() bool {
		ctx, cancel := w.patience()
		defer cancel()
		_, code := w.CLI(ctx, "store", "copy", folder, database, "--dry-run")
		return code == 0
	})
	says(t, w.cli(0, "store", "copy", folder, database), "1 certificates with 1 versions", "all as in")
	if err := os.Rename(filepath.Join(w.Dir, "store"), filepath.Join(w.Dir, "former")); err != nil {
		t.Fatal(err)
	}
	w.Config, w.Worker.Args = database, []string{w.Worker.Args[0], "--config", database}
	w.start()

	w.cli(0, "renew", "shop", "--wait=false")
	if second := w.live("shop", first); w.served(0) != second {
		t.Errorf("nginx serves %s, live is %s", w.served(0), second)
	}
	if n := w.CA.Issued(); n != 2 {
		t.Errorf("%d certificates were issued, want 2", n)
	}
	now := w.journal("shop", "enrolled", "outcome")
	if len(told) == 0 || len(now) <= len(told) || now[0].Text != told[0].Text || !now[0].At.Equal(told[0].At) {
		t.Errorf("the journal was\n%+v\nand is\n%+v", told, now)
	}
	says(t, w.cli(0, "store", "list"), "shop")
	if _, err := os.Stat(filepath.Join(w.Dir, "store")); err == nil {
		t.Error("somebody still writes to the folder")
	}
}
