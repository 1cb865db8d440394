package inventory

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/korean"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func read(t *testing.T, data string) File {
	t.Helper()
	f, err := Read([]byte(data))
	if err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return f
}

// good fails the test if a row is bad.
func good(t *testing.T, f File) []Row {
	t.Helper()
	for _, r := range f.Rows {
		if r.Err != nil {
			t.Errorf("line %d: %v", r.Line, r.Err)
		}
	}
	return f.Rows
}

func TestPlainLinesNameHosts(t *testing.T) {
	f := read(t, "# our hosts\r\n\r\nWWW.Example.com   # the shop\nmail.example.com:993\n\t10.0.0.1:8443#shop.example.com\n2001:db8::1\n")
	want := []cert.Endpoint{
		{Host: "www.example.com", Port: 443}, {Host: "mail.example.com", Port: 993}, {Host: "10.0.0.1", Port: 8443, ServerName: "shop.example.com"}, {Host: "2001:db8::1", Port: 443},
	}
	names := []string{"www.example.com", "mail.example.com", "shop.example.com", ""}
	for i, r := range f.Rows {
		if r.Endpoint != want[i] || r.Line != i+3 {
			t.Errorf("line %d: %+v, want %+v", r.Line, r.Endpoint, want[i])
		}
		if names[i] != "" && (r.Err != nil || r.Name != names[i]) {
			t.Errorf("line %d is called %q: %v", r.Line, r.Name, r.Err)
		}
	}
	if len(f.Rows) != 4 || f.Rows[3].Err == nil || !strings.Contains(f.Rows[3].Err.Error(), "column name") {
		t.Errorf("an address that can be no name needs one: %+v", f.Rows)
	}
}

const table = "호스트,포트,담당자,팀,환경,비고\nwww.example.com,443,minji,web,운영,\"결제, 3층 \"\"A\"\" 랙\"\napi.example.com,8443,jiho,,개발,\n"

func TestATableIsReadInEveryEncodingInWhichExcelSavesIt(t *testing.T) {
	cp949, err := korean.EUCKR.NewEncoder().String(table)
	if err != nil {
		t.Fatal(err)
	}
	wide := func(big bool, s string) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
			if big {
				b.Write([]byte{byte(u >> 8), byte(u)})
			} else {
				b.Write([]byte{byte(u), byte(u >> 8)})
			}
		}
		return b.String()
	}
	tabs := strings.NewReplacer(",", "\t").Replace(strings.Replace(table, "결제, ", "결제 ", 1))
	for name, tc := range map[string]struct{ data, encoding string }{
		"UTF-8":                    {table, "UTF-8"},
		"UTF-8 with BOM":           {"\ufeff" + table, "UTF-8"},
		"CP949":                    {cp949, "CP949"},
		"CP949 with CRLF":          {strings.ReplaceAll(cp949, "\n", "\r\n"), "CP949"},
		"Unicode text":             {wide(false, tabs), "UTF-16"},
		"UTF-16, big end first":    {wide(true, tabs), "UTF-16"},
		"semicolons":               {strings.NewReplacer(",", ";").Replace(table), "UTF-8"},
		"Excel says the separator": {"sep=;\n" + strings.NewReplacer(",", ";").Replace(table), "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			f := read(t, tc.data)
			rows := good(t, f)
			if f.Encoding != tc.encoding || len(rows) != 2 {
				t.Fatalf("read as %s: %+v", f.Encoding, rows)
			}
			r := rows[0]
			if r.Endpoint != (cert.Endpoint{Host: "www.example.com", Port: 443}) || r.Owner != "minji" || r.Team != "web" || r.Environment != "운영" || !strings.HasSuffix(r.Note, ` 3층 "A" 랙`) {
				t.Errorf("%+v", r)
			}
			if rows[1].Name != "api.example.com" || rows[1].Endpoint.Port != 8443 || rows[1].Note != "" {
				t.Errorf("%+v", rows[1])
			}
		})
	}
}

func TestWhatIsNoTextIsRefusedWithTheLine(t *testing.T) {
	for name, tc := range map[string]struct{ data, want string }{
		"neither UTF-8 nor CP949":   {"host\nwww.example.com\n\xff\xff.example.com\n", "line 3 is neither UTF-8 nor CP949"},
		"a lie of the mark":         {"\ufeffhost\n\xc8\xa3\xbd\xba.example.com\n", "line 2 is not UTF-8"},
		"a spreadsheet":             {"PK\x03\x04\x00\x00", "not text"},
		"half a letter of UTF-16":   {"\xff\xfeh\x00o\x00\x00\xd8", "cannot be decoded"},
		"nothing":                   {"\n# nothing\n\n", "names no host"},
		"no header":                 {"www.example.com,443,minji\n", "line 1: the table has no column host"},
		"a misspelt column":         {"host,onwer\nwww.example.com,minji\n", `"onwer" is not known; did you mean owner?`},
		"a column twice":            {"host,owner,담당자\nwww.example.com,a,b\n", "names the column owner twice"},
		"too many rows":             {strings.Repeat("a\n", MaxRows+1), "more than the 10000"},
		"a header that never ended": {"host,\"owner\nwww.example.com,minji\n", "line 1: the header cannot be read"},
	} {
		if _, err := Read([]byte(tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := Read(make([]byte, MaxBytes+1)); err == nil {
		t.Error("a file of any size is read")
	}
}

func TestABadLineStopsNoOther(t *testing.T) {
	bad := []struct{ line, want string }{
		{`,443,minji`, "names no host"},
		{`bad_host!,443`, "neither a DNS name nor an IP"},
		{`b1.test,https`, `port "https" is not a number`},
		{`b2.test,70000`, "is not a number from 1 to 65535"},
		{`b3.test:8443,443`, "name two ports"},
		{`https://b4.test/login,443`, "write the host alone"},
		{`smtps://b4.test,465`, "write the host alone"},
		{`smtp://b4.test:25,587`, "name two ports"},
		{`*.b5.test,443`, "write a host that serves"},
		{`b6.test,443,=cmd|'/C calc'!A0`, "begins like a formula"},
		{`b7.test,443,,+SUM(A1)`, "begins like a formula"},
		{"b8.test,443,min\x1b[2Jji", "cannot be shown"},
		{"b9.test,443,,,prod\u202e", "cannot be shown"},
		{`b10.test,443,,,,"@note"`, "begins like a formula"},
		{`b11.test,443,,,,` + strings.Repeat("x", 1001), "write at most 1000"},
		{`b12.test,443,,,,a,b,c,d,e`, "more than the header's 9"},
		{`b13.test,443,"minji`, "its quotes do not match"},
		{`b14.test,443,,,,,Bad Name`, "certificate name"},
		{`b15.test,443,,,,,,no name`, "sni: name"},
		{`ok-1.test`, "stands in line 2 already"},
		{`b16.test,443,,,,,ok-2.test`, "is the name of line 5 already"},
	}
	var b strings.Builder
	b.WriteString("host,port,owner,team,environment,note,name,sni,policy\n")
	for i, x := range bad {
		fmt.Fprintf(&b, "ok-%d.test,443,minji,web,prod,\"a note\nof two lines\",,,-\n%s\n", i+1, x.line)
	}
	f := read(t, b.String())
	if len(f.Rows) != 2*len(bad) {
		t.Fatalf("%d rows, want %d", len(f.Rows), 2*len(bad))
	}
	for i, r := range f.Rows {
		if i%2 == 0 {
			if r.Err != nil || r.Line != 2+3*(i/2) || r.Note != "a note of two lines" || r.Policy != "" {
				t.Errorf("row %d: %+v", i, r)
			}
			continue
		}
		if x := bad[i/2]; r.Line != 4+3*(i/2) || r.Err == nil || !strings.Contains(r.Err.Error(), x.want) {
			t.Errorf("line %d (%s): %v, want %q", r.Line, x.line, r.Err, x.want)
		}
	}
}

func TestAProtocolInFrontOfAHostAsksForTLSInIt(t *testing.T) {
	rows := good(t, read(t, "host,port\nsmtp://Mail.test,\npostgres://db.test,5433\nimap://mail.test:1143,\n"))
	for i, want := range []string{"smtp://mail.test:25", "postgres://db.test:5433", "imap://mail.test:1143"} {
		if got := rows[i].Endpoint.String(); got != want {
			t.Errorf("line %d is %s, want %s", rows[i].Line, got, want)
		}
	}
}

func TestAHostOnSeveralPortsHasANameForEach(t *testing.T) {
	rows := good(t, read(t, "mail.test\nmail.test:993\nimap.test:993\n"))
	for i, want := range []string{"mail.test", "mail.test-993", "imap.test"} {
		if rows[i].Name != want {
			t.Errorf("line %d is called %s, want %s", rows[i].Line, rows[i].Name, want)
		}
	}
}

func TestUnknownColumnsArePassedOverAndTold(t *testing.T) {
	f := read(t, "host,자산번호,owner\nwww.test,A-1,minji\n,,\n")
	if rows := good(t, f); len(rows) != 1 || rows[0].Owner != "minji" || len(f.Remarks) != 1 || !strings.Contains(f.Remarks[0], "자산번호") {
		t.Errorf("%+v", f)
	}
}

// Whatever is read: no panic, lines in order, and a row is either bad or has all it needs.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{table, "a\nb:1\n", "host;port\n\"a\n\";\"1\"\"\n", "\xff\xfeh\x00", "\xc8\xa3\xbd\xba\xc6\xae,a\n", "sep=|\nhost\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := Read(data)
		if err != nil {
			return
		}
		line := 0
		for _, r := range out.Rows {
			if r.Line <= line {
				t.Fatalf("line %d after %d", r.Line, line)
			}
			line = r.Line
			if r.Err == nil && (cert.ValidateName(r.Name) != nil || r.Endpoint.Validate() != nil) {
				t.Fatalf("%+v passes", r)
			}
		}
	})
}
