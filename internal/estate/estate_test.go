package estate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

var start = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

// version makes one of a name; the fingerprint is made from it.
func version(name string, days int) cert.Version {
	return cert.Version{
		Fingerprint: cert.Fingerprint(fmt.Sprintf("%064x", []byte(name))), Serial: fmt.Sprintf("%016x", []byte(name)), Issuer: "Test CA",
		NotBefore: start, NotAfter: start.AddDate(0, 0, days), Names: []string{name + ".test"},
	}
}

func at(place string, v cert.Version) source.Sighting {
	return source.Sighting{Place: place, Version: v}
}

func print(name string) cert.Fingerprint { return version(name, 0).Fingerprint }

// run goes through pages and closes the run; the last page ends it.
func run(m *Manifest, id int, pages ...source.Page) (Run, []Step, bool) {
	now := start.Add(time.Duration(id) * 24 * time.Hour)
	var steps []Step
	for i := range pages {
		if i+1 < len(pages) {
			pages[i].Next = []byte{byte(i + 1)}
		}
		steps = append(steps, m.Step(i+1, now, pages[i]))
	}
	r, changed := m.Close(Run{ID: fmt.Sprint(id), Started: now}, steps, "", now.Add(time.Minute))
	return r, steps, changed
}

func page(all ...source.Sighting) source.Page { return source.Page{Sightings: all} }

func TestARunInWhichNothingChangedLeavesTheManifestAloneAndItsStepsAreShort(t *testing.T) {
	m := Manifest{Source: "web"}
	var all []source.Sighting
	for i := range 500 {
		all = append(all, at(fmt.Sprintf("file:web1:/a/%03d", i), version(fmt.Sprint("c", i), 90)))
	}
	if r, _, changed := run(&m, 0, page(all[:250]...), page(all[250:]...)); !changed || r.New != 500 || r.Seen != 500 || !r.Complete || len(m.Certs) != 500 {
		t.Fatalf("first: %+v, changed %v", r, changed)
	}
	before := fmt.Sprint(m)
	r, steps, changed := run(&m, 1, page(all[:250]...), page(all[250:]...))
	if again, twice := m.Close(Run{ID: "0", Started: start}, nil, "", start); twice || again.New != 500 {
		t.Errorf("the same run closed twice: %+v, %v", again, twice)
	}
	if changed || r.New+r.Changed+r.Gone != 0 || r.Seen != 500 || !r.Complete || fmt.Sprint(m) != before {
		t.Errorf("second: %+v, changed %v", r, changed)
	}
	for _, s := range steps {
		if data, err := json.Marshal(s); err != nil || len(data) > 200 {
			t.Errorf("a step of an unchanged page has %d bytes: %s, %v", len(data), data, err)
		}
	}
}

func TestWhatIsGoneIsToldFromWhatWasNotLookedAt(t *testing.T) {
	m := Manifest{Source: "k8s"}
	a, b, c := at("secret:prod/a/x", version("a", 90)), at("secret:prod/b/x", version("b", 90)), at("secret:prod/c/x", version("c", 90))
	run(&m, 0, page(a, b, c))
	part := page(a)
	part.Failed = []source.Failure{{Places: "secret:prod/b/", Why: "forbidden"}}
	r, _, _ := run(&m, 1, part)
	if r.Complete || r.Gone != 1 || m.Places[1].Gone != (time.Time{}) || m.Places[2].Gone.IsZero() {
		t.Errorf("%+v, %+v", r, m.Places)
	}
	if r, _ := m.Close(Run{ID: "2"}, []Step{m.Step(1, start, page())}, "the token expired", start); r.Complete || r.Gone != 0 || r.Err == "" {
		t.Errorf("a run that broke off: %+v", r)
	}
	trouble := source.Sighting{Place: a.Place, Trouble: "timed out"}
	if r, _, _ := run(&m, 3, page(trouble, b)); r.Gone != 0 || r.Troubled != 1 || m.Places[0].Holds != KeyOf(a.Version) || m.Places[0].Trouble == "" {
		t.Errorf("what cannot be read counts as gone: %+v, %+v", r, m.Places[0])
	}
	if r, _, _ := run(&m, 4, page(a, b, c)); r.Changed != 1 || !m.Places[2].Gone.IsZero() {
		t.Errorf("what comes back: %+v", r)
	}
	run(&m, 5, page(a))
	run(&m, 40, page(a))
	if len(m.Places) != 1 || len(m.Certs) != 1 {
		t.Errorf("what is gone for long is kept: %+v", m)
	}
}

func TestARenewalThatGotOnIsNoLongerStuckAlsoWhereItsCertificateIsNotSeen(t *testing.T) {
	const where = "cert-manager:prod/shop/web"
	m := Manifest{Source: "cm"}
	stuck := source.Sighting{Place: where, Trouble: "failed 3 times", Findings: []cert.Finding{cert.Find(cert.RenewalStuck, "failed 3 times")}}
	r, _, _ := run(&m, 0, page(stuck))
	if s := m.Stands(Standing{}, r).Stuck; len(s) != 1 || s[0].Place != where || s[0].What != "failed 3 times" {
		t.Fatalf("stuck: %+v", s)
	}
	r, _, changed := run(&m, 1, page(source.Sighting{Place: where, Trouble: "the CertificateRequest is gone"}))
	if s := m.Stands(Standing{}, r).Stuck; len(s) != 0 || !changed {
		t.Errorf("still stuck: %+v, changed %v", s, changed)
	}
}

func TestASourceKeepsSoManyPlacesAndNoMore(t *testing.T) {
	m := Manifest{Source: "big"}
	var steps []Step
	for i := range MostPlaces/source.MostSightings + 1 {
		var p source.Page
		for j := range source.MostSightings {
			p.Sightings = append(p.Sightings, at(fmt.Sprintf("file:h:/%d/%d", i, j), version("same", 90)))
		}
		steps = append(steps, m.Step(i+1, start, p))
	}
	r, _ := m.Close(Run{}, steps, "", start)
	if len(m.Places) != MostPlaces || r.Complete || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Why, "1000 places are left out") {
		t.Errorf("%d places, %+v", len(m.Places), r)
	}
}

func TestACertificateIsToldOnceOfEachPlaceThatShowsSomethingElse(t *testing.T) {
	endpoint := cert.Endpoint{Host: "www.test", Port: 443}
	wire := func(address, name string) source.Sighting {
		s := at("endpoint:www.test:443@"+address, version(name, 90))
		s.Endpoint = endpoint
		return s
	}
	file := func(name string) source.Sighting { return at("file:web2:/a.pem", version(name, 90)) }
	shop := Enrolled{Name: "shop", Live: print("one"), Endpoints: []cert.Endpoint{endpoint}}
	m := Manifest{Source: "s"}
	told := func(id int, e []Enrolled, all ...source.Sighting) (out []string, changed bool) {
		r, _, _ := run(&m, id, page(all...))
		words, changed := m.Compare(e, r)
		for _, w := range words {
			for _, o := range w.Observations {
				out = append(out, w.Name+" "+o.Where()+" "+string(rune(o.Version.Names[0][0])))
			}
		}
		return out, changed
	}
	want := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	got, changed := told(0, []Enrolled{shop}, wire("10.0.0.1:443", "one"), wire("10.0.0.2:443", "one"), file("one"))
	want("all is well", got)
	if !changed || slices.ContainsFunc(m.Places, func(p Place) bool { return p.Of != "shop" }) {
		t.Errorf("the places belong to nobody: %+v", m.Places)
	}
	if got, changed = told(1, []Enrolled{shop}, wire("10.0.0.1:443", "one"), wire("10.0.0.2:443", "one"), file("one")); changed || got != nil {
		t.Errorf("unchanged: %v, %v", got, changed)
	}
	shop.Live = print("two")
	got, _ = told(2, []Enrolled{shop}, wire("10.0.0.1:443", "two"), wire("10.0.0.2:443", "one"), file("one"))
	want("one address and a file were forgotten", got, "shop file:web2:/a.pem o", "shop www.test:443 (10.0.0.1:443) t", "shop www.test:443 (10.0.0.2:443) o")
	got, _ = told(3, []Enrolled{shop}, wire("10.0.0.1:443", "two"), wire("10.0.0.2:443", "one"), file("one"))
	want("it knows", got)
	got, _ = told(4, []Enrolled{shop}, wire("10.0.0.1:443", "two"), wire("10.0.0.2:443", "two"), file("two"))
	want("all is well again", got, "shop file:web2:/a.pem t", "shop www.test:443 (10.0.0.1:443) t", "shop www.test:443 (10.0.0.2:443) t")
	got, _ = told(5, nil, file("three"))
	want("it is enrolled no more", got)
	if m.Places[slices.IndexFunc(m.Places, func(p Place) bool { return p.Gone.IsZero() })].Of != "" {
		t.Error("a place belongs to what is not enrolled")
	}
}

func TestOneCertificateAtFivePlacesOfTwoSourcesIsOneRecord(t *testing.T) {
	files, cloud := Manifest{Source: "files"}, Manifest{Source: "ca"}
	run(&files, 0, page(at("file:a:/1", version("shop", 40)), at("file:a:/2", version("shop", 40)), at("file:b:/1", version("shop", 40)), at("file:b:/2", version("other", 20))))
	bare := version("shop", 40)
	bare.Fingerprint = ""
	run(&cloud, 0, page(at("ca:x/1", bare), at("acm:x/1", version("shop", 40))))
	all := []Seen{{files, Standing{}}, {cloud, Standing{}}}
	records := Records(all, []Enrolled{{Name: "shop", Live: print("shop")}})
	if len(records) != 2 || len(records[1].Places) != 5 || records[1].Of != "shop" || !records[1].Live || records[0].Of != "" {
		t.Fatalf("%+v", records)
	}
	if records[1].Key.Fingerprint() != print("shop") {
		t.Errorf("key %s", records[1].Key)
	}
}

// issued is a sighting of a log.
func issued(id, name string, days int) source.Sighting {
	s := at("ct:watch/"+id, version(name, days))
	s.Issued, s.Version.Fingerprint = true, ""
	return s
}

func TestWhatIsOnlyToldOnceIsKeptUntilItEnds(t *testing.T) {
	m := Manifest{Source: "watch"}
	ends := func(p source.Page, since bool) source.Page {
		p.Since, p.Resume = since, []byte(fmt.Sprint("from here, ", len(p.Sightings)))
		return p
	}
	run(&m, 0, ends(page(issued("1", "shop", 90), issued("2", "pay", 5)), false))
	if string(m.Resume) != "from here, 2" {
		t.Fatalf("the next run begins at %q", m.Resume)
	}
	trouble := source.Sighting{Place: "ct:watch/3", Issued: true, Trouble: "cannot be read"}
	if r, _, changed := run(&m, 1, ends(page(trouble), true)); r.Gone != 0 || !r.Complete || !changed {
		t.Errorf("what is not shown is as it was: %+v", r)
	}
	if r, _, changed := run(&m, 2, ends(page(), true)); r.Gone != 0 || !changed || string(m.Resume) != "from here, 0" {
		t.Errorf("nothing came: %+v, %q", r, m.Resume)
	}
	if r, _, changed := run(&m, 3, ends(page(), true)); r.Gone != 0 || changed {
		t.Errorf("nothing came again: %+v, %v", r, changed)
	}
	if _, changed := m.Close(Run{ID: "broken"}, []Step{m.Step(1, start, source.Page{Since: true, Next: []byte("2")})}, "429", start); changed || len(m.Resume) == 0 {
		t.Errorf("a run that broke off loses its place: %q", m.Resume)
	}
	if r, _, _ := run(&m, 6, ends(page(), true)); r.Gone != 1 || m.Places[1].Gone.IsZero() {
		t.Errorf("what has ended stays: %+v, %+v", r, m.Places)
	}
	if r, _, _ := run(&m, 7, page(issued("1", "shop", 90))); r.Gone != 1 || m.Resume != nil {
		t.Errorf("all of it was told: %+v, %q", r, m.Resume)
	}
}

func TestAnIssuanceOfOursIsNoStrayAndNoDrift(t *testing.T) {
	log, web := Manifest{Source: "watch"}, Manifest{Source: "web"}
	r, _, _ := run(&log, 0, page(issued("1", "shop", 40), issued("2", "older", 20), issued("3", "served", 50), issued("4", "stolen", 90), issued("5", "next", 95)))
	run(&web, 0, page(at("endpoint:served.test:443", version("served", 50))))
	web.Places[0].Of = "served"
	enrolled := []Enrolled{{Name: "shop", Live: print("shop"), Version: version("shop", 40)}, {Name: "served", Live: print("other"), Version: version("other", 9), Endpoints: nil}}
	strays := func() (out []string) {
		for _, s := range (Triage{}).Strays(Records([]Seen{{log, Standing{}}, {web, Standing{}}}, enrolled), start) {
			out = append(out, s.Record.Version.Names[0])
		}
		return out
	}
	if got := strays(); len(got) > 0 {
		t.Errorf("before it is known whether they are ours: %v", got)
	}
	asked := log.Unasked(enrolled)
	if len(asked) != 4 || asked[IssuanceOf(version("shop", 40))] {
		t.Errorf("asked about %v", asked)
	}
	log.Answer(asked, map[Key]string{IssuanceOf(version("older", 20)): "shop", IssuanceOf(version("next", 95)): "retired"})
	if words, _ := log.Compare(enrolled, r); len(words) != 0 || len(log.Unasked(enrolled)) != 0 {
		t.Errorf("told %+v", words)
	}
	if got := strays(); !slices.Equal(got, []string{"stolen.test"}) {
		t.Errorf("strays: %v", got)
	}
	enrolled[0].Live, enrolled[0].Version = print("next"), version("next", 95) // it was renewed
	if words, _ := log.Compare(enrolled, r); len(words) != 0 {
		t.Errorf("that it was issued once is drift: %+v", words)
	}
	if got := strays(); !slices.Equal(got, []string{"stolen.test"}) {
		t.Errorf("strays after the renewal: %v", got)
	}
	var tr Triage
	now := start.AddDate(0, 0, 89)
	all := tr.Strays(Records([]Seen{{log, Standing{}}}, enrolled), start)
	tr.Mark(tr.News(all, start), start)
	all = tr.Strays(Records([]Seen{{log, Standing{}}}, enrolled), now)
	if again := tr.News(all, now); len(all) == 0 || len(again) != 0 {
		t.Errorf("of %d, that it ends is told of %+v", len(all), again)
	}
	if key := all[len(all)-1].Record.Key.Short(); len(key) > 30 || !all[len(all)-1].Record.Called(key) {
		t.Errorf("it is not called %q", key)
	}
}

func TestAnotherCAsCertificateWithTheSameSerialIsAnother(t *testing.T) {
	forged := version("shop", 40)
	forged.Issuer = "Another CA"
	short := cert.Version{Serial: "2", Issuer: "Test CA"}
	if IssuanceOf(forged) == IssuanceOf(version("shop", 40)) || IssuanceOf(short) != "" {
		t.Errorf("%s, %q", IssuanceOf(forged), IssuanceOf(short))
	}
}

func TestStraysAreNewsOnceAndAgainWhenAnIgnoringEndsOrTheirEndIsNear(t *testing.T) {
	m := Manifest{Source: "files"}
	ca := at("file:a:/ca", version("root", 900))
	ca.Findings = []cert.Finding{cert.Find(cert.IsCA, "is a CA")}
	owned := at("file:a:/2", version("late", 100))
	owned.Team = "platform"
	run(&m, 0, page(at("file:a:/1", version("soon", 45)), owned, ca, at("file:a:/3", version("shop", 90))))
	var tr Triage
	news := func(day int) (out []string) {
		now := start.AddDate(0, 0, day)
		strays := tr.Strays(Records([]Seen{{m, Standing{}}}, []Enrolled{{Name: "shop", Live: print("shop")}}), now)
		fresh := tr.News(strays, now)
		for _, s := range fresh {
			owner, _ := s.Owner()
			out = append(out, strings.TrimSuffix(s.Record.Version.Names[0], ".test")+owner)
		}
		tr.Mark(fresh, now)
		return out
	}
	for _, step := range []struct {
		day  int
		do   func(now time.Time)
		want []string
	}{
		{0, nil, []string{"soon", "lateplatform"}},
		{1, nil, nil},
		{15, nil, []string{"soon"}},
		{16, func(now time.Time) {
			tr.Ignore(KeyOf(version("soon", 45)), Decision{By: "minji", At: now, Reason: "replaced next week", Until: start.AddDate(0, 0, 40)})
		}, nil},
		{39, nil, nil},
		{40, nil, []string{"soon"}},
		{41, nil, nil},
		{44, nil, []string{"soon"}},
		{45, nil, nil},
		{50, func(now time.Time) {
			tr.Assign(KeyOf(version("late", 100)), Decision{By: "minji", At: now, Owner: "jun"})
		}, nil},
		{71, nil, []string{"latejun"}},
	} {
		if step.do != nil {
			step.do(start.AddDate(0, 0, step.day))
		}
		if got := news(step.day); !slices.Equal(got, step.want) {
			t.Errorf("day %d: news of %v, want %v", step.day, got, step.want)
		}
	}
	item := tr.Items[slices.IndexFunc(tr.Items, func(i Item) bool { return i.Key == KeyOf(version("soon", 45)) })]
	if item.Ignored != nil || len(item.Before) != 1 || item.Before[0].By != "minji" {
		t.Errorf("who ignored it is forgotten: %+v", item)
	}
	tr.Forget(nil, start.AddDate(1, 0, 0))
	if len(tr.Items) != 0 {
		t.Errorf("items of what is nowhere stay: %+v", tr.Items)
	}
}
