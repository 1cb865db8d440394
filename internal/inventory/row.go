package inventory

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// The longest texts, in bytes.
const (
	maxCell = 100
	maxNote = 1000
)

// trim takes away what nobody sees: blanks of every kind, and the marks that
// spreadsheets leave at the ends of cells.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}

// fill reads the cells of one row; all complaints come at once.
func (r *Row) fill(get map[column]string) error {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	r.Endpoint, err = place(get[colHost], get[colPort], get[colSNI])
	note(err)
	r.Name, r.Given = get[colName], get[colName] != ""
	if r.Given {
		note(cert.ValidateName(r.Name))
	}
	for _, c := range []column{colOwner, colTeam, colEnvironment, colPolicy, colNote} {
		note(checkText(c, get[c]))
	}
	r.Owner, r.Team, r.Environment, r.Policy = get[colOwner], get[colTeam], get[colEnvironment], get[colPolicy]
	r.Note = strings.Join(strings.Fields(get[colNote]), " ")
	return errors.Join(errs...)
}

// place reads an endpoint; the port may stand in the host's cell.
func place(host, port, sni string) (cert.Endpoint, error) {
	switch {
	case host == "":
		return cert.Endpoint{}, errors.New("it names no host")
	case isPage(host):
		return cert.Endpoint{}, fmt.Errorf("host %q is an address of a page; write the host alone, or HOST:PORT", host)
	case strings.HasPrefix(host, "*"):
		return cert.Endpoint{}, fmt.Errorf("host %q is no place; write a host that serves the certificate", host)
	}
	e, err := cert.ParseEndpoint(bracketed(host))
	if err != nil {
		return e, err
	}
	if sni != "" {
		e.ServerName = sni
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		switch written := strings.HasSuffix(host, ":"+strconv.Itoa(e.Port)); {
		case err != nil || n < 1 || n > 65535:
			return e, fmt.Errorf("port %q is not a number from 1 to 65535", port)
		case written && n != e.Port:
			return e, fmt.Errorf("host %q and port %q name two ports; keep one", host, port)
		}
		e.Port = n
	}
	if e.ServerName != "" {
		if e.ServerName, err = cert.ParseName(e.ServerName); err != nil {
			return e, fmt.Errorf("sni: %w", err)
		}
	}
	e.Host, err = cert.ParseName(e.Host)
	return e, err
}

// isPage reports whether a cell holds a URL that names no protocol of STARTTLS.
func isPage(host string) bool {
	scheme, _, ok := strings.Cut(host, "://")
	if !ok {
		return false
	}
	_, err := cert.ParseStartTLS(scheme)
	return err != nil
}

// bracketed lets an IPv6 address stand alone.
func bracketed(host string) string {
	if strings.Contains(host, "://") {
		return host
	}
	if strings.Count(host, ":") > 1 && !strings.HasPrefix(host, "[") {
		return "[" + host + "]:443"
	}
	return host
}

// checkText refuses what a terminal would act upon and what a spreadsheet would
// run as a formula, wherever the text may be shown later.
func checkText(c column, text string) error {
	most := maxCell
	if c == colNote {
		most = maxNote
		text = strings.NewReplacer("\n", " ", "\t", " ").Replace(text)
	}
	switch {
	case text == "":
	case len(text) > most:
		return fmt.Errorf("%s has %d bytes; write at most %d", c, len(text), most)
	case strings.ContainsAny(text[:1], "=+-@"):
		return fmt.Errorf("%s %q begins like a formula of a spreadsheet; put a letter before it", c, text)
	case !shown(text):
		return fmt.Errorf("%s %q has characters that cannot be shown; write plain text", c, text)
	}
	return nil
}

// shown reports whether every letter has a shape of its own.
func shown(text string) bool {
	const chunk = alert.MaxText / 4 // a longer text would be cut, and so differ
	for len(text) > 0 {
		n := min(chunk, len(text))
		for n < len(text) && text[n]&0xc0 == 0x80 {
			n++
		}
		if alert.Clean(text[:n]) != text[:n] {
			return false
		}
		text = text[n:]
	}
	return true
}
