package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// ParseSchemas reads an object of schemas by name:
//
//	{"visits": {"event_type": "kind", "timestamp": "at", "event_id": "id", "required": ["page"],
//	  "rules": [{"column": "score", "required": true, "pattern": "…", "enum": ["…"], "min": 0, "max": 10,
//	    "max_length": 5, "action": "reject", "code": "bad_score", "message": "…"}]}}
//
// All members may be left out, but for the column of a rule; action may also
// be warn. The error lists every mistake.
func ParseSchemas(text []byte) (map[string]Schema, error) {
	named, err := decodeObject(text)
	schemas := map[string]Schema{}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if name == "" {
			err = errors.Join(err, errors.New("a schema has no name"))
		}
		s, wrong := parseSchema(named[name])
		if wrong != nil {
			err = errors.Join(err, prefixed(name, wrong))
		}
		schemas[name] = s
	}
	return schemas, err
}

func parseSchema(text json.RawMessage) (Schema, error) {
	var s Schema
	var rules []json.RawMessage
	err := decodeMembers(text, map[string]any{
		"event_type": &s.EventType, "timestamp": &s.Time, "event_id": &s.EventID, "required": &s.Required, "rules": &rules,
	})
	for i, text := range rules {
		r, wrong := parseRule(text)
		if wrong != nil {
			err = errors.Join(err, prefixed(fmt.Sprintf("rules[%d]", i), wrong))
		}
		s.Rules = append(s.Rules, r)
		if wrong != nil {
			continue // or the error would say that it checks nothing
		}
		alone := make([]Rule, i+1) // at its index
		for j := range alone {
			alone[j] = Rule{Column: "x", Required: true}
		}
		alone[i] = r
		err = errors.Join(err, Schema{Rules: alone}.Validate())
	}
	return s, err
}

func parseRule(text json.RawMessage) (Rule, error) {
	var r Rule
	var action string
	err := decodeMembers(text, map[string]any{
		"column": &r.Column, "required": &r.Required, "pattern": &r.Pattern, "enum": &r.Enum, "min": &r.Min, "max": &r.Max,
		"max_length": &r.MaxLength, "action": &action, "code": &r.Code, "message": &r.Message,
	})
	switch action {
	case "", "reject":
	case "warn":
		r.Warn = true
	default:
		err = errors.Join(err, fmt.Errorf("action %q: want reject or warn", action))
	}
	return r, err
}

// decodeMembers decodes the members of an object, each into its target.
func decodeMembers(text json.RawMessage, targets map[string]any) error {
	found, err := decodeObject(text)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		target, ok := targets[name]
		if !ok {
			err = errors.Join(err, fmt.Errorf("unknown member %q", name))
			continue
		}
		if wrong := json.Unmarshal(found[name], target); wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, wrong))
		}
	}
	return err
}

// decodeObject reads an object, no name of which may be there twice, and nothing
// after it.
func decodeObject(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("want a JSON object"), err)
	}
	found := map[string]json.RawMessage{}
	var wrong error
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return found, errors.Join(wrong, err)
		}
		name, _ := t.(string) // what else a name might be is an error
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return found, errors.Join(wrong, err)
		}
		if _, twice := found[name]; twice {
			wrong = errors.Join(wrong, fmt.Errorf("member %q is there twice", name))
		}
		found[name] = value
	}
	if _, err := d.Token(); err != nil {
		return found, errors.Join(wrong, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		wrong = errors.Join(wrong, errors.New("there is text after the object"))
	}
	return found, wrong
}

// prefixed puts a place before each of several errors.
func prefixed(place string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", place, err)
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, prefixed(place, e))
	}
	return errors.Join(all...)
}
