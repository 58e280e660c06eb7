package ingest_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

func withRules(rules ...ingest.Rule) ingest.Schema {
	return ingest.Schema{Required: []string{}, Rules: rules}
}

func TestRulesThatMakeNoSense(t *testing.T) {
	schema := withRules(
		ingest.Rule{Column: "x", Pattern: ")("},
		ingest.Rule{Column: "x", MaxLength: 3, Code: "bad_timestamp"},
		ingest.Rule{Column: "y", Min: new(2.0), Max: new(1.0)},
		ingest.Rule{Column: "z"},
		ingest.Rule{Required: true},
		ingest.Rule{Column: "fine", Enum: []string{"a"}, Code: "own_code"},
	)
	err := schema.Validate()
	var first *ingest.RuleError
	if !errors.As(err, &first) || first.Index != 0 || first.Column != "x" {
		t.Fatalf("got %v", err)
	}
	want := []string{
		"ingest: rules[0] (column \"x\"): pattern: error parsing regexp: unexpected ): `)(`",
		`ingest: rules[1] (column "x"): code "bad_timestamp": want up to 64 of a-z, 0-9 and _, and none of the codes that there are`,
		`ingest: rules[2] (column "y"): min 2 is above max 1`,
		`ingest: rules[3] (column "z"): it checks nothing`,
		`ingest: rules[4] (column ""): it names no column`,
	}
	if d := gocmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
	if out := read(strings.NewReader(datesHeader), ingest.Options{Schema: schema}); !errors.As(out.Err, &first) {
		t.Errorf("Read says %v", out.Err)
	}
}

func TestAColumnThatARuleNamesMayBeMissingUnlessItIsRequired(t *testing.T) {
	in := datesHeader + "a,2025-11-08\n"
	out := read(strings.NewReader(in), ingest.Options{Schema: withRules(ingest.Rule{Column: "x", Enum: []string{"1"}})})
	if len(out.Events) != 1 || out.Err != nil {
		t.Errorf("got %v, %v", lines(out.Events), out.Err)
	}
	out = read(strings.NewReader(in), ingest.Options{Schema: withRules(ingest.Rule{Column: "x", Required: true})})
	var header *ingest.HeaderError
	if !errors.As(out.Err, &header) || !slices.Equal(header.Missing, []string{"x"}) {
		t.Errorf("got %v", out.Err)
	}
}

func TestAPatternIsOfTheWholeValue(t *testing.T) {
	in := "event_type,timestamp,X\na,2025-11-08,ab\na,2025-11-08,xab\na,2025-11-08, b \na,2025-11-08,\"a\nb\"\n"
	out := read(strings.NewReader(in), ingest.Options{Schema: withRules(ingest.Rule{Column: "x", Pattern: "ab|b", Code: "form", Message: "x is odd"})})
	want := []string{`2:3 form x "xab"`, `4:5 form x "a\\nb"`}
	if d := gocmp.Diff(want, faults(out.Rejected)); d != "" {
		t.Error(d)
	}
	if out.Rejected[0].Message != "x is odd" {
		t.Errorf("got %q", out.Rejected[0].Message)
	}
}

// TestRulesAreAFilter is the law of rules: what a file with rules yields are
// the rows that an independent check lets pass, and the warnings count those
// among them that another one does not.
func TestRulesAreAFilter(t *testing.T) {
	schema := withRules(
		ingest.Rule{Column: "Score", Min: new(-1.0), Max: new(10.0), Code: "score"},
		ingest.Rule{Column: "country", Enum: []string{"DE", "FR"}, Code: "country"},
		ingest.Rule{Column: "code", Required: true, Pattern: "[A-Z]+[0-9]*", MaxLength: 4, Code: "form"},
		ingest.Rule{Column: "note", MaxLength: 3, Warn: true, Code: "long"},
		ingest.Rule{Column: "country", Required: true, Warn: true, Code: "no_country"},
		ingest.Rule{Column: "event_type", Enum: []string{"b", "c", "d"}, Code: "kind"},
	)
	codeForm := regexp.MustCompile(`^[A-Z]+[0-9]*$`)
	ok := func(v map[string]string) bool {
		n, err := strconv.ParseFloat(v["score"], 64)
		return (v["score"] == "" || err == nil && n >= -1 && n <= 10) &&
			(v["country"] == "" || v["country"] == "DE" || v["country"] == "FR") &&
			codeForm.MatchString(v["code"]) && len(v["code"]) <= 4 && strings.Contains("bcd", v["event_type"])
	}
	values := map[string][]string{
		"event_type": {"a", "b", "c"}, "score": {"", "5", "-1", "-1.01", "1e1", "11", "x"},
		"country": {"", "DE", "FR", "de", "US"}, "code": {"", "A1", "ABCDE", "A1A", "Z"}, "note": {"", "äöü", "long", "x y"},
	}
	columns := []string{"event_type", "score", "country", "code", "note"}
	rapid.Check(t, func(t *rapid.T) {
		ndjson := rapid.Bool().Draw(t, "ndjson")
		opts := ingest.Options{Schema: schema}
		var in strings.Builder
		if ndjson {
			opts.Format = ingest.NDJSON
		} else {
			in.WriteString("timestamp," + strings.Join(columns, ",") + "\n")
		}
		var want, got []int64
		warned := map[ingest.Code]int64{}
		for i := range rapid.IntRange(1, 30).Draw(t, "rows") {
			v := map[string]string{}
			text := []byte(`{"timestamp":"2025-11-08"`)
			fields := []string{"2025-11-08"}
			for _, c := range columns {
				v[c] = rapid.SampledFrom(values[c]).Draw(t, c)
				text = fmt.Appendf(text, ",%q:%q", c, v[c])
				fields = append(fields, v[c])
			}
			line := strings.Join(fields, ",")
			if ndjson {
				line = string(text) + "}"
			}
			in.WriteString(line + "\n")
			if !ok(v) {
				continue
			}
			want = append(want, int64(i+1))
			if utf8.RuneCountInString(v["note"]) > 3 {
				warned["long"]++
			}
			if v["country"] == "" {
				warned["no_country"]++
			}
		}
		r := ingest.NewReader(strings.NewReader(in.String()), &opts)
		if rapid.Bool().Draw(t, "general path") {
			r.NoQuick()
		}
		events := make([]metrics.Event, 7)
		for n, err := r.Read(events); err == nil; n, err = r.Read(events) {
			for i := range events[:n] {
				got = append(got, events[i].Row)
			}
		}
		counted := map[ingest.Code]int64{}
		for _, w := range r.Warnings() {
			counted[w.Code] = w.Count
		}
		if d := gocmp.Diff(want, got) + gocmp.Diff(warned, counted); d != "" {
			t.Fatalf("%s\n%s", d, in.String())
		}
	})
}
