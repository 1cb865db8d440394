package notifytest

import (
	"encoding/json"
	"fmt"
)

// checkView refuses what Slack refuses in a modal view
// (https://docs.slack.dev/reference/views/modal-views).
func checkView(raw json.RawMessage) (v SlackView, no *refusal) {
	if len(raw) > maxView {
		return v, &refusal{code: "view_too_large"}
	}
	if err := json.Unmarshal(raw, &v.raw); err != nil {
		return v, &refusal{code: "invalid_arguments", messages: []string{"[ERROR] must be valid JSON [json-pointer:/view]"}}
	}
	var wrong []string
	bad := func(format string, args ...any) {
		wrong = append(wrong, "[ERROR] "+fmt.Sprintf(format, args...))
	}
	if v.raw["type"] != "modal" {
		bad("unsupported type: %v [json-pointer:/view/type]", v.raw["type"])
	}
	v.Callback, _ = v.raw["callback_id"].(string)
	v.Metadata, _ = v.raw["private_metadata"].(string)
	v.Title = plainOf("title", v.raw["title"], 24, true, bad)
	submit := plainOf("submit", v.raw["submit"], 24, false, bad)
	plainOf("close", v.raw["close"], 24, false, bad)
	if size(v.Callback) > 255 {
		bad("callback_id has %d characters, allowed are 255", size(v.Callback))
	}
	if size(v.Metadata) > 3000 {
		bad("private_metadata has %d characters, allowed are 3000", size(v.Metadata))
	}
	blocks, _ := v.raw["blocks"].([]any)
	if len(blocks) < 1 || len(blocks) > 100 {
		bad("no more than 100 items allowed [json-pointer:/view/blocks]")
	}
	v.Options = map[string][]string{}
	ids := map[string]bool{}
	for i, e := range blocks {
		b, _ := e.(map[string]any)
		v.Blocks = append(v.Blocks, b)
		at := func(format string, args ...any) { bad("/view/blocks/%d: "+format, append([]any{i}, args...)...) }
		if id, named := b["block_id"].(string); named && ids[id] {
			at("block_id %q already exists", id)
		} else if named {
			ids[id] = true
		}
		if b["type"] == "input" {
			v.checkInput(b, at)
			if submit == "" {
				at("a view with input blocks needs submit")
			}
			continue
		}
		checkBlock(b, at)
	}
	if len(wrong) > 0 {
		return v, &refusal{code: "invalid_arguments", messages: wrong}
	}
	return v, nil
}

// checkInput refuses what Slack refuses in an input block and its element.
func (v SlackView) checkInput(b map[string]any, bad func(string, ...any)) {
	plainOf("label", b["label"], 2000, true, bad)
	plainOf("hint", b["hint"], 2000, false, bad)
	id, _ := b["block_id"].(string)
	e, _ := b["element"].(map[string]any)
	plainOf("placeholder", e["placeholder"], 150, false, bad)
	options, most := []any(nil), 100
	switch e["type"] {
	case "static_select", "radio_buttons":
		if options, _ = e["options"].([]any); e["type"] == "radio_buttons" {
			most = 10
		}
		if len(options) < 1 || len(options) > most {
			bad("%v with %d options, allowed are 1 to %d", e["type"], len(options), most)
		}
	case "datetimepicker":
	case "plain_text_input":
		if n, given := e["max_length"].(float64); given && (n < 1 || n > 3000) {
			bad("max_length %v", n)
		}
	default:
		bad("unsupported element %v", e["type"])
	}
	seen := map[string]bool{}
	for _, o := range options {
		o, _ := o.(map[string]any)
		value, _ := o["value"].(string)
		plainOf("option text", o["text"], 75, true, bad)
		if n := size(value); n < 1 || n > 150 || seen[value] {
			bad("option value %q is twice there, or has not 1 to 150 characters", value)
		}
		seen[value] = true
		v.Options[id] = append(v.Options[id], value)
	}
}

// plainOf gives a plain_text of at most so many characters.
func plainOf(what string, in any, limit int, required bool, bad func(string, ...any)) string {
	o, given := in.(map[string]any)
	if !given {
		if required {
			bad("missing required field: %s", what)
		}
		return ""
	}
	text, _ := o["text"].(string)
	if o["type"] != "plain_text" {
		bad("%s is %v, allowed is plain_text", what, o["type"])
	}
	if n := size(text); n < 1 || n > limit {
		bad("%s has %d characters, allowed are 1 to %d", what, n, limit)
	}
	return text
}
