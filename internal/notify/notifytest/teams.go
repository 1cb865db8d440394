package notifytest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// TeamsPath is the path of a workflow that the stand-in knows, with the secret
// signature that Power Automate puts there.
const TeamsPath = "/powerautomate/automations/direct/workflows/0f1e2d3c/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s1gn4tur3"

// NewTeams is a workflow of Teams: it takes an Adaptive Card that Teams would
// show, answers 202 and nothing else, and refuses what Teams refuses.
func NewTeams() (*Vendor, error) {
	return NewVendor(func(a Asked) Said {
		problem := func(status int, code, why string) Said {
			text, _ := json.Marshal(why)
			return Said{status, fmt.Sprintf(`{"error":{"code":%q,"message":%s}}`, code, text)}
		}
		switch u, err := url.Parse(a.Path); {
		case err != nil || u.Query().Get("sig") != "s1gn4tur3":
			return problem(401, "DirectApiInvalidAuthorizationScheme", "the signature is not right")
		case len(a.Body) > 28<<10:
			return problem(413, "RequestEntityTooLarge", "the message is longer than 28 KB")
		}
		if why := badMessage(a.Body); why != "" {
			return problem(400, "TriggerInputSchemaMismatch", why)
		}
		return Said{202, ""}
	})
}

func badMessage(body string) string {
	var m struct {
		Type        string
		Attachments []struct {
			ContentType string
			ContentURL  *string
			Content     map[string]any
		}
	}
	if err := exactly(body, &m); err != nil {
		return err.Error()
	}
	if m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		return "not a message with one Adaptive Card"
	}
	return badCard(m.Attachments[0].Content)
}

// properties are those of the schema of Adaptive Cards 1.4, for the elements that
// Teams shows, by their type; those in capitals are required.
var properties = map[string]string{
	"AdaptiveCard":   "TYPE VERSION $schema body actions fallbackText lang msteams speak minHeight rtl refresh selectAction verticalContentAlignment",
	"RichTextBlock":  "TYPE INLINES horizontalAlignment spacing separator height id isVisible fallback requires",
	"TextRun":        "TYPE TEXT color fontType highlight isSubtle italic size strikethrough underline weight selectAction",
	"TextBlock":      "TYPE TEXT color fontType horizontalAlignment isSubtle maxLines size weight wrap spacing separator height id isVisible fallback requires style",
	"FactSet":        "TYPE FACTS spacing separator height id isVisible fallback requires",
	"Action.OpenUrl": "TYPE TITLE URL iconUrl style fallback requires tooltip isEnabled mode",
}

// values are what some properties may be.
var values = map[string][]string{
	"spacing":  {"default", "none", "small", "medium", "large", "extraLarge", "padding"},
	"size":     {"default", "small", "medium", "large", "extraLarge"},
	"weight":   {"default", "lighter", "bolder"},
	"color":    {"default", "dark", "light", "accent", "good", "warning", "attention"},
	"fontType": {"default", "monospace"},
}

// badCard tells what the schema forbids in an element; empty if nothing.
func badCard(e map[string]any) string {
	kind, _ := e["type"].(string)
	known := strings.Fields(properties[kind])
	if len(known) == 0 {
		return fmt.Sprintf("element of type %q is not known", kind)
	}
	for _, p := range known {
		if p == strings.ToUpper(p) && p != "$schema" {
			if v, ok := e[strings.ToLower(p)]; !ok || v == "" {
				return fmt.Sprintf("%s has no %s", kind, strings.ToLower(p))
			}
		}
	}
	for name, v := range e {
		if !slices.Contains(known, name) && !slices.Contains(known, strings.ToUpper(name)) {
			return fmt.Sprintf("%s knows no %s", kind, name)
		}
		if allowed := values[name]; allowed != nil && !slices.Contains(allowed, fmt.Sprint(v)) {
			return fmt.Sprintf("%s: %s %v", kind, name, v)
		}
		if name == "version" && !slices.Contains([]string{"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}, fmt.Sprint(v)) {
			return fmt.Sprintf("version %v is not shown by Teams", v)
		}
		if name == "url" && !isURL.MatchString(fmt.Sprint(v)) {
			return fmt.Sprintf("url %v", v)
		}
		for _, below := range elements(v) {
			if why := badCard(below); why != "" {
				return why
			}
		}
	}
	return ""
}

func elements(v any) (out []map[string]any) {
	list, _ := v.([]any)
	for _, x := range list {
		if e, ok := x.(map[string]any); ok {
			out = append(out, e)
		}
	}
	return out
}

// CardText gives every text of a card as people read it, a line an element.
func CardText(body string) string {
	var m struct {
		Attachments []struct{ Content map[string]any }
	}
	if json.Unmarshal([]byte(body), &m) != nil || len(m.Attachments) == 0 {
		return ""
	}
	var b strings.Builder
	for _, e := range elements(m.Attachments[0].Content["body"]) {
		for _, r := range elements(e["inlines"]) {
			fmt.Fprint(&b, r["text"])
		}
		b.WriteByte('\n')
	}
	for _, a := range elements(m.Attachments[0].Content["actions"]) {
		fmt.Fprintf(&b, "[%v](%v)\n", a["title"], a["url"])
	}
	return b.String()
}
