package main

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the part of README.md that shows what the demo prints")

// pictured are the lines that the README shows of what the demo prints, in order.
var pictured = []string{
	`3 escalation journal   told: P2 expiring: telling owner`,
	`4 rollback   CA        issued [0-9a-f]{12} for pay\.test`,
	`4 rollback   slack     to minji: \[P3\] Renewing pay failed`,
	`4 rollback   mail      to minji@example\.com: \[P3\] Renewing pay failed`,
	`4 rollback   temporal  renewal/pay/[0-9a-f]{12} ran: .*RollBack`,
	`4 rollback   handshake 127\.0\.0\.1:\d+ serves [0-9a-f]{12} as before`,
	`4 rollback   shell     \$ neverlapse renew pay`,
	`4 rollback   handshake 127\.0\.0\.1:\d+ serves [0-9a-f]{12} instead of`,
	`4 rollback   slack     the message to minji now reads: \[resolved\]`,
	`4 rollback   demo      seen: `,
	`3 escalation journal   told: P2 expiring: telling team`,
	`3 escalation journal   told: P2 expiring: telling manager`,
	`3 escalation demo      seen: `,
	`5 page       slack     to jun: \[P1\] `,
	`5 page       demo      seen: `,
	`Counted at the stand-ins, the CA and by handshakes, not in the product's own state:`,
	`  alerts sent: \d+ \(\d+ by Slack, \d+ by mail\); lost: 0; sent twice: 0`,
	`  certificates at the CA: (\d+); expected, one for each replacement that was due: \d+`,
}

var (
	picturePart = regexp.MustCompile("(?s)<!-- picture:begin -->\n```\n([^\n]*\n)(.*?)```\n<!-- picture:end -->")
	linkAtEnd   = regexp.MustCompile(`  http://\S+$`)
)

func patterns() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, p := range pictured {
		if p[0] != ' ' && p[0] != 'C' {
			p = `\d\d:\d\d:\d\d  ` + p
		}
		out = append(out, regexp.MustCompile("^"+p))
	}
	return out
}

// draw picks the pictured lines from what a run printed, in the order of their times.
func draw(printed string) (picture string, missing []string) {
	var timed, counted []string
	for i, p := range patterns() {
		found := ""
		for l := range strings.Lines(printed) {
			l = linkAtEnd.ReplaceAllString(strings.TrimRight(l, "\n"), "")
			if p.MatchString(l) {
				found = cut(l, 150)
				break
			}
		}
		switch {
		case found == "":
			missing = append(missing, pictured[i])
		case found[0] >= '0' && found[0] <= '9':
			timed = append(timed, found)
		default:
			counted = append(counted, found)
		}
	}
	slices.SortStableFunc(timed, func(a, b string) int { return strings.Compare(a[:8], b[:8]) })
	return strings.Join(slices.Concat(timed, []string{""}, counted), "\n") + "\n", missing
}

const readme = "../../README.md"

func TestThePictureInTheReadmeIsWhatTheDemoPrints(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	part := picturePart.FindSubmatch(text)
	if part == nil {
		t.Fatal("README.md has no part between picture:begin and picture:end")
	}
	if got, missing := draw(string(part[2])); got != string(part[2]) || len(missing) > 0 {
		t.Errorf("it shows\n%s\nand of what the demo prints that is\n%s\nmissing %q\nrun with NEVERLAPSE_LONG=1: go test ./test/demo -run FiveScenes -update", part[2], got, missing)
	}
}

// redraw puts a run's lines into the README.
func redraw(t *testing.T, printed string) {
	t.Helper()
	picture, missing := draw(printed)
	text, err := os.ReadFile(readme)
	if err != nil || len(missing) > 0 {
		t.Fatalf("not printed: %q, %v", missing, err)
	}
	text = picturePart.ReplaceAllFunc(text, func(old []byte) []byte {
		first := picturePart.FindSubmatch(old)[1]
		return []byte("<!-- picture:begin -->\n```\n" + string(first) + picture + "```\n<!-- picture:end -->")
	})
	if err := os.WriteFile(readme, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
