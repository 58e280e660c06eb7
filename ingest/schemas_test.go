package ingest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
)

func TestASchemaIsRead(t *testing.T) {
	got, err := ingest.ParseSchemas([]byte(`{"visits": {"event_type": "kind", "timestamp": "at", "event_id": "id", "required": [], "rules": [
		{"column": "score", "min": 0, "max": 10, "code": "bad_score", "message": "no"},
		{"column": "page", "required": true, "pattern": "/.*", "enum": ["/a"], "max_length": 9, "action": "warn"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]ingest.Schema{"visits": {EventType: "kind", Time: "at", EventID: "id", Required: []string{}, Rules: []ingest.Rule{
		{Column: "score", Min: new(0.0), Max: new(10.0), Code: "bad_score", Message: "no"},
		{Column: "page", Required: true, Pattern: "/.*", Enum: []string{"/a"}, MaxLength: 9, Warn: true},
	}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAllMistakesAreTold(t *testing.T) {
	_, err := ingest.ParseSchemas([]byte(`{"a": {"tiem": "at", "rules": [{"column": "x", "min": "1", "action": "ignore"}, {"column": "y"}], "required": "x"},
		"b": {"rules": [{"column": "x", "pattern": "("}, {"column": "y"}]}, "b2": 1, "b2": {}} x`))
	want := []string{
		`member "b2" is there twice`,
		`there is text after the object`,
		`a: required: json: cannot unmarshal string into Go value of type []string`,
		`a: unknown member "tiem"`,
		`a: rules[0]: min: json: cannot unmarshal string into Go value of type float64`,
		`a: rules[0]: action "ignore": want reject or warn`,
		`a: ingest: rules[1] (column "y"): it checks nothing`,
		"b: ingest: rules[0] (column \"x\"): pattern: error parsing regexp: missing closing ): `(`",
		`b: ingest: rules[1] (column "y"): it checks nothing`,
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":{"rules":[{"column":"x","min":1}]}}`, `{"a":{"a":1,"a":2}}`, `{`, `[]`, `null`, `{"":{}} x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		schemas, err := ingest.ParseSchemas(text)
		if err != nil {
			return
		}
		for name, s := range schemas { // what was taken can be used
			if err := s.Validate(); err != nil || name == "" {
				t.Fatalf("%q: %v", name, err)
			}
		}
	})
}
