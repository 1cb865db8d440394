package app

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/web/page"
	"github.com/neverlapse/neverlapse/workflows"
)

// pageTokens reads who may open the page; none without a file.
func pageTokens(c config.Config) (page.Tokens, error) {
	if c.HTTP.TokenFile == "" {
		return nil, nil
	}
	text, err := config.ReadSecret(c.HTTP.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("http.token_file: %w", err)
	}
	tokens, err := page.ParseTokens(text, c.Directory())
	if err != nil {
		return nil, fmt.Errorf("http.token_file: %s:\n%w", c.HTTP.TokenFile, err)
	}
	return tokens, nil
}

// page is what people look at in a browser.
func (a *App) page(p parts) (*page.Page, error) {
	c := a.config
	engine := page.Engine{Client: a.client, Namespace: c.Temporal.Namespace, Gate: a.gate}
	return page.New(page.Config{
		URL: c.HTTP.URL, Listen: c.HTTP.Listen, Tokens: a.inForce.tokens, Configured: a.reload.configured, Directory: a.inForce.directory, Log: a.logger, Records: p.store, Letters: p.store,
		Certificates: engine, Handovers: engine, Channels: pageChannels{a}, Strays: pageStrays{a},
		Ticket: a.readTicket(), Digests: digests{a.answers()},
		HistoryURL: func(name string) string { return historyURL(c, a.uiURL(), name) },
	})
}

// readTicket is nil where no message has links by which one answers.
func (a *App) readTicket() func(string) (alert.Ticket, error) {
	if a.tickets == nil {
		return nil
	}
	return a.tickets.Read
}

// link is where people see a certificate whole.
func (a *App) link(name string) string { return linkTo(a.config, a.uiURL(), name) }

// uiURL is the address of the Temporal Web UI; "" if none is known.
func (a *App) uiURL() string {
	if a.config.Temporal.UIURL == "" && a.engine != nil {
		return a.engine.UIURL()
	}
	return a.config.Temporal.UIURL
}

// uiOrigin is that of the Temporal Web UI, as browsers write it; "" if none is known.
func (a *App) uiOrigin() string {
	u, err := url.Parse(a.uiURL())
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Link is where people see a certificate whole: its page, or its history in the
// Temporal Web UI where no page is served; "" if neither is known.
func Link(c config.Config, name string) string { return linkTo(c, UIURL(c), name) }

func linkTo(c config.Config, ui, name string) string {
	if page.Served(c.HTTP.Listen, c.HTTP.TokenFile != "") {
		return page.Link(c.HTTP.URL, name)
	}
	return historyURL(c, ui, name)
}

func historyURL(c config.Config, ui, name string) string {
	if ui == "" {
		return ""
	}
	return strings.TrimRight(ui, "/") + "/namespaces/" + c.Temporal.Namespace + "/workflows/" + strings.ReplaceAll(workflows.WorkflowID(name), "/", "%2F")
}
