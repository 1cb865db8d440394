package notifytest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"unicode/utf16"
)

// maxBlocks is the size of encoded blocks that is refused. Slack's own limit is
// not documented; 11,341 characters of text have been refused.
const maxBlocks = 11000

// checkMessage refuses what Slack refuses in the content of a message.
func checkMessage(f url.Values) ([]map[string]any, *refusal) {
	var blocks []map[string]any
	if raw := f.Get("blocks"); raw != "" {
		if err := json.Unmarshal([]byte(raw), &blocks); err != nil {
			return nil, &refusal{code: "invalid_blocks_format"}
		}
	}
	if len(blocks) == 0 && f.Get("text") == "" {
		return nil, &refusal{code: "no_text"}
	}
	if size(f.Get("text")) > 40000 {
		return nil, &refusal{code: "msg_too_long"}
	}
	if raw := f.Get("metadata"); raw != "" {
		var meta struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if err := json.Unmarshal([]byte(raw), &meta); err != nil || meta.Type == "" || meta.Payload == nil {
			return nil, &refusal{code: "invalid_metadata_format"}
		}
	}
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(blocks) > 50 {
		bad("no more than 50 items allowed [json-pointer:/blocks]")
	}
	ids := map[string]bool{}
	for i, b := range blocks {
		if id, ok := b["block_id"].(string); ok {
			if ids[id] || size(id) > 255 {
				bad("block_id %q already exists or is too long", id)
			}
			ids[id] = true
		}
		checkBlock(b, func(format string, args ...any) { bad("/blocks/%d: "+format, append([]any{i}, args...)...) })
		walk(b, func(o map[string]any) {
			if s, ok := o["text"].(string); ok {
				if s == "" {
					bad("/blocks/%d: must be more than 0 characters", i)
				}
			}
		})
	}
	switch {
	case len(wrong) > 0:
		return nil, &refusal{code: "invalid_blocks", messages: wrong}
	case size(f.Get("blocks")) > maxBlocks:
		return nil, &refusal{code: "msg_blocks_too_long"}
	}
	return blocks, nil
}

func checkBlock(b map[string]any, bad func(string, ...any)) {
	length := func(what string, v any, limit int) {
		s := ""
		switch v := v.(type) {
		case string:
			s = v
		case map[string]any:
			s, _ = v["text"].(string)
			if v["type"] != "plain_text" && v["type"] != "mrkdwn" {
				bad("%s: unsupported text type %v", what, v["type"])
			}
		}
		if n := size(s); n < 1 || n > limit {
			bad("%s has %d characters, allowed are 1 to %d", what, n, limit)
		}
	}
	elements, _ := b["elements"].([]any)
	fields, _ := b["fields"].([]any)
	switch b["type"] {
	case "header":
		onlyPlain("header", b["text"], bad)
		length("header", b["text"], 150)
	case "section":
		if b["text"] == nil && len(fields) == 0 {
			bad("section without text and fields")
		}
		if b["text"] != nil {
			length("section text", b["text"], 3000)
		}
		if len(fields) > 10 {
			bad("section with %d fields, allowed are 10", len(fields))
		}
		for _, f := range fields {
			length("field", f, 2000)
		}
	case "context":
		if len(elements) < 1 || len(elements) > 10 {
			bad("context with %d elements", len(elements))
		}
		for _, e := range elements {
			length("context element", e, 2000)
		}
	case "actions":
		if len(elements) < 1 || len(elements) > 25 {
			bad("actions with %d elements, allowed are 25", len(elements))
		}
		ids := map[any]bool{}
		for _, e := range elements {
			o, _ := e.(map[string]any)
			onlyPlain("button text", o["text"], bad)
			length("button text", o["text"], 75)
			length("button value", o["value"], 2000)
			length("action_id", o["action_id"], 255)
			if ids[o["action_id"]] {
				bad("action_id %v already exists", o["action_id"])
			}
			ids[o["action_id"]] = true
		}
	case "rich_text":
		walk(b, func(o map[string]any) {
			if o["type"] == "text" {
				length("rich text", o["text"], 3000)
			}
		})
	case "divider":
	default:
		bad("unsupported type: %v", b["type"])
	}
}

// onlyPlain refuses markup where Slack takes none.
func onlyPlain(what string, v any, bad func(string, ...any)) {
	if o, _ := v.(map[string]any); o["type"] == "mrkdwn" {
		bad("%s is mrkdwn, allowed is plain_text", what)
	}
}

// size counts as Slack does, in UTF-16 units.
func size(s string) int { return len(utf16.Encode([]rune(s))) }

// walk visits every object of a decoded JSON value in the order in which a
// reader meets them.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case []map[string]any:
		for _, e := range v {
			walk(e, visit)
		}
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	case map[string]any:
		visit(v)
		for _, key := range []string{"text", "label", "hint", "fields", "elements", "accessory", "element", "options"} {
			walk(v[key], visit)
		}
	}
}
