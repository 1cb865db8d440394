package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/doctor"
)

// The table of codes is that of the code.
func TestTheCodesOfDoctorAreThoseOfTheCode(t *testing.T) {
	const file = "docs/doctor.md"
	var rows [][]string
	for _, a := range doctor.Codes {
		rows = append(rows, []string{"`" + string(a.Code) + "`", a.By, a.Looks, orDash(a.Warns), orDash(a.Fails), a.Mend})
	}
	want := "<!-- codes:begin -->\n" + table("Code|By|Looks at|WARN|FAIL|Mended by", rows) + "<!-- codes:end -->"
	part := regexp.MustCompile(`(?s)<!-- codes:begin -->\n.*?<!-- codes:end -->`)
	before := text(t, file)
	if len(part.FindAllString(before, -1)) != 1 {
		t.Fatalf("%s has no single part between <!-- codes:begin --> and <!-- codes:end -->", file)
	}
	after := part.ReplaceAllLiteralString(before, want)
	if after == before {
		return
	}
	if !*update {
		t.Fatalf("%s has another table than the code; run: go test ./test/docs -update", file)
	}
	if err := os.WriteFile(filepath.Join(root, file), []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}
