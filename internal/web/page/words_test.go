package page

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryLanguageHasEveryStringWithTheSameNames(t *testing.T) {
	all, err := lexicon()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\{[a-z]+\}`)
	sorted := func(s string) []string {
		found := names.FindAllString(s, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	if len(all) != 2 || all["en"] == nil || all["ko"] == nil {
		t.Fatalf("%d languages", len(all))
	}
	for lang, w := range all {
		for key, text := range all["en"] {
			if other, ok := w[key]; !ok {
				t.Errorf("%s has no %q", lang, key)
			} else if !slices.Equal(sorted(text), sorted(other)) {
				t.Errorf("%s %q fills in %v, English %v", lang, key, sorted(other), sorted(text))
			}
		}
		for key := range w {
			if all["en"][key] == "" {
				t.Errorf("%s has %q, English has not", lang, key)
			}
		}
	}
}

func TestEveryStringIsUsedSomewhere(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"*.go", "layout/*.html"} {
		files, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if data, err := os.ReadFile(f); err != nil {
				t.Fatal(err)
			} else if !strings.HasSuffix(f, "_test.go") {
				source.Write(data)
			}
		}
	}
	all, _ := lexicon()
	for key := range all["en"] {
		if !strings.Contains(key, ".") && !strings.Contains(source.String(), `"`+key+`"`) {
			t.Errorf("%s is used nowhere", key)
		}
		family := key[:strings.IndexByte(key, '.')+1] // made up from a part: "state." + s
		one := strings.TrimSuffix(key, ".one")
		unit := key[:strings.LastIndexByte(key, '.')+1]
		if !strings.Contains(source.String(), `"`+key+`"`) && !strings.Contains(source.String(), `"`+one+`"`) &&
			!strings.Contains(source.String(), `"`+family+`"`) && !strings.Contains(source.String(), `"`+unit+`"`) {
			t.Errorf("%s is used nowhere", key)
		}
	}
}

func TestEveryReasonGroundMoveAndKindHasItsWords(t *testing.T) {
	all, _ := lexicon()
	for file, constant := range map[string]string{"grounds.go": `GroundCode = "([a-z-]+)"`, "moves.go": `MoveCode = "([a-z-]+)"`, "decision.go": `"(until-[a-z-]+)"`} {
		source, err := os.ReadFile("../../lifecycle/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(constant).FindAllStringSubmatch(string(source), -1)
		if len(found) == 0 {
			t.Errorf("%s has no %s", file, constant)
		}
		for _, m := range found {
			if !all.Has("ground."+m[1]) && !all.Has("move."+m[1]) && !all.Has("event."+m[1]) {
				t.Errorf("no words for %s of %s", m[1], file)
			}
		}
	}
}

func TestTimesAreInTheReadersZoneAndInUTC(t *testing.T) {
	words, _ := lexicon()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	r := reader{words: words, Language: "en", Zone: seoul, Now: now}
	for in, want := range map[time.Time]string{
		now:                     "2026-11-26 12:00 KST (03:00 UTC)",
		now.Add(13 * time.Hour): "2026-11-27 01:00 KST (2026-11-26 16:00 UTC)",
		{}:                      "–",
	} {
		if got := r.Plain(in); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for in, want := range map[time.Duration]string{49 * time.Hour: "2 days left", 47*time.Hour + 59*time.Minute: "47 hours left", time.Hour: "60 minutes left", -49 * time.Hour: "expired 2 days ago"} {
		if got := r.Left(now.Add(in)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestTheLanguageIsThatOfTheBrowser(t *testing.T) {
	for header, want := range map[string]string{"ko-KR,ko;q=0.9,en;q=0.8": "ko", "en-US,en;q=0.5": "en", "fr,ko;q=0.3": "fr", "": "", "en;q=0.1,ko;q=0.9": "ko", "ko;q=0": ""} {
		got := append(accepted(header), "")[0]
		if got != want {
			t.Errorf("%q begins with %q, want %q", header, got, want)
		}
	}
}
