package ingest

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Rule is a check of the values of one column. A zero field checks nothing. All
// but Required pass an empty value, and so a column that the file lacks.
type Rule struct {
	// Column is the column whose values are checked. White space around them
	// does not count.
	Column string
	// Required means that values must not be empty. Unless Warn is set, the
	// column must exist.
	Required bool
	// Pattern is a regular expression, of package regexp, that a whole value
	// must match.
	Pattern string
	// Enum are the values that there may be.
	Enum []string
	// Min and Max are the least and the greatest number, as float64. With
	// either, values must be decimal numbers, with an exponent or without.
	Min, Max *float64
	// MaxLength is the greatest number of characters.
	MaxLength int
	// Warn means that a row which breaks the rule is counted and not rejected.
	Warn bool
	// Code is what RowError.Code or Warning.Code is; "" means BrokenRule. It
	// has up to 64 lower-case letters, digits and underscores, and is none of
	// the other Codes.
	Code Code
	// Message says what is wrong; "" means a message made of the rule.
	Message string
}

// RuleError means that a rule of a Schema makes no sense.
type RuleError struct {
	// Index is the place of the rule in Schema.Rules.
	Index  int
	Column string
	Reason string
}

// Error names the rule and the column.
func (e *RuleError) Error() string {
	return fmt.Sprintf("ingest: rules[%d] (column %q): %s", e.Index, e.Column, e.Reason)
}

// Warning counts what is legal but suspicious in a file, or how often accepted
// rows have broken a rule with Warn.
type Warning struct {
	Code    Code
	Column  string
	Message string // of the first of them
	Count   int64
	// Line is the line of the first of them.
	Line int64
}

// Validate returns nil if the rules make sense, else all that is wrong, joined:
// errors of type *RuleError.
func (s Schema) Validate() error {
	_, err := s.checks()
	return err
}

// check is a rule made ready.
type check struct {
	Rule
	pattern *regexp.Regexp
	enum    map[string]bool
	place   int // of its column: in Fields, or one of those below
	warning Warning
}

// Places of columns that are not in the Fields of an event.
const (
	nowhere = -1 - iota
	typePlace
	timePlace
	idPlace
	byName // of NDJSON, which has its fields in any order
)

func (s Schema) checks() (all []*check, err error) {
	var wrong []error
	for i, rule := range s.Rules {
		c := &check{Rule: rule}
		c.Column = ColumnName(rule.Column)
		for _, reason := range c.prepare() {
			wrong = append(wrong, &RuleError{i, rule.Column, reason})
		}
		all = append(all, c)
	}
	return all, errors.Join(wrong...)
}

// prepare returns what is wrong with a rule.
func (c *check) prepare() (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if c.Column == "" {
		say("it names no column")
	}
	if !c.Required && c.Pattern == "" && c.Enum == nil && c.Min == nil && c.Max == nil && c.MaxLength == 0 {
		say("it checks nothing")
	}
	setDefault(&c.Code, BrokenRule)
	if !isRuleCode(c.Code) {
		say("code %q: want up to 64 of a-z, 0-9 and _, and none of the codes that there are", c.Code)
	}
	if c.Pattern != "" {
		if _, err := regexp.Compile(c.Pattern); err != nil { // in brackets, ")(" would pass
			say("pattern: %v", err)
		} else {
			c.pattern, err = regexp.Compile(`\A(?:` + c.Pattern + `)\z`)
			if err != nil {
				say("pattern: %v", err)
			}
		}
	}
	if c.Enum != nil && len(c.Enum) == 0 {
		say("enum: it is empty")
	}
	c.enum = make(map[string]bool, len(c.Enum))
	for _, v := range c.Enum {
		c.enum[v] = true
	}
	for name, limit := range map[string]*float64{"min": c.Min, "max": c.Max} {
		if limit != nil && (math.IsNaN(*limit) || math.IsInf(*limit, 0)) {
			say("%s: %v is no number", name, *limit)
		}
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		say("min %v is above max %v", *c.Min, *c.Max)
	}
	if c.MaxLength < 0 {
		say("max length: %d is below 0", c.MaxLength)
	}
	return wrong
}

func isRuleCode(c Code) bool {
	if len(c) > 64 || c != BrokenRule && slices.Contains(Codes(), c) {
		return false
	}
	return strings.IndexFunc(string(c), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }) < 0
}

// complain returns what is wrong with a value, or "".
func (c *check) complain(v string) string {
	reason := c.reason(v)
	if reason == "" {
		return ""
	}
	if c.Message != "" {
		return c.Message
	}
	return c.Column + " " + reason
}

func (c *check) reason(v string) string {
	if v == "" {
		if c.Required {
			return "is missing"
		}
		return ""
	}
	switch {
	case c.pattern != nil && !c.pattern.MatchString(v):
		return "does not have the form " + c.Pattern
	case c.Enum != nil && !c.enum[v]:
		return "is none of " + shorten(strings.Join(c.Enum, ", "))
	case c.MaxLength > 0 && len(v) > c.MaxLength && utf8.RuneCountInString(v) > c.MaxLength:
		return fmt.Sprintf("has %d characters; the limit is %d", utf8.RuneCountInString(v), c.MaxLength)
	case c.Min != nil || c.Max != nil:
		return c.compare(v)
	}
	return ""
}

func (c *check) compare(v string) string {
	n, err := strconv.ParseFloat(v, 64)
	// ParseFloat also takes words and hexadecimal digits.
	if strings.Trim(v, "+-.0123456789eE") != "" || err != nil && !errors.Is(err, strconv.ErrRange) {
		return "is not a number"
	}
	switch {
	case c.Min != nil && n < *c.Min:
		return fmt.Sprintf("is less than %v", *c.Min)
	case c.Max != nil && n > *c.Max:
		return fmt.Sprintf("is more than %v", *c.Max)
	}
	return ""
}

// bind finds the columns of the rules.
func (r *Reader) bind(all []*check) {
	for _, c := range all {
		c.place = r.placeOf(c.Column)
		if c.Warn {
			r.warnings = append(r.warnings, c)
		} else {
			r.checks = append(r.checks, c)
		}
	}
}

func (r *Reader) placeOf(column string) int {
	s := &r.opts.Schema
	switch {
	case column == s.EventType:
		return typePlace
	case column == s.Time:
		return timePlace
	case column == s.EventID:
		return idPlace
	case r.opts.Format == NDJSON:
		return byName
	}
	for k, i := range r.cols.fields {
		if r.cols.names[i] == column {
			return k
		}
	}
	return nowhere
}

// valueOf returns the value that a rule checks. Stamp is the text of the time.
func (c *check) valueOf(e *metrics.Event, stamp string) string {
	switch c.place {
	case nowhere:
		return ""
	case typePlace:
		return e.Type
	case timePlace:
		return stamp
	case idPlace:
		return e.ID
	case byName:
		return e.Field(c.Column)
	}
	return e.Fields[c.place].Value
}

// pass reports whether an event breaks no rule that would reject it.
func (r *Reader) pass(e *metrics.Event, stamp string) bool {
	for _, c := range r.checks {
		if c.reason(c.valueOf(e, stamp)) != "" {
			return false
		}
	}
	return true
}

// checkRules rejects an event that breaks a rule.
func (r *Reader) checkRules(e *metrics.Event, stamp string) bool {
	for _, c := range r.checks {
		v := c.valueOf(e, stamp)
		if wrong := c.complain(v); wrong != "" {
			record := r.record
			if r.opts.Format == CSV {
				record = r.recordCSV(row)
			}
			r.rejectValue(c.Code, c.Column, v, wrong, record)
			return false
		}
	}
	return true
}

// warn counts what is suspicious about an accepted event, whose time stamp is
// r.stamp.
func (r *Reader) warn(e *metrics.Event) {
	if r.notable {
		r.noteTime()
	} else {
		r.forms |= zonedForm
	}
	if e.ID != "" {
		r.ids.add(e.ID, r.line)
	}
	for _, c := range r.warnings {
		if wrong := c.complain(c.valueOf(e, r.stamp)); wrong != "" {
			c.warning.add(c.Code, c.Column, wrong, r.line)
		}
	}
}

// Warnings returns what is legal but suspicious in what was read so far: first
// the [WarningCodes] in their order, then the rules that accepted rows have
// broken, in theirs.
func (r *Reader) Warnings() []Warning {
	all := r.suspicious()
	for _, c := range r.warnings {
		if c.warning.Count > 0 {
			all = append(all, c.warning)
		}
	}
	return all
}
