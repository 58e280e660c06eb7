package metrics

import (
	"strings"
)

// MaxDimensions is the greatest number of dimensions. A dimension is a field by
// whose values counts are broken down.
const MaxDimensions = 3

// Other stands for the values of a dimension, or the event types, that a limit
// leaves without an entry of their own. It is no value of its own: events that
// really have it count as Other too.
const Other = "__other__"

// Unknown stands for the value of events that are not broken down by a
// dimension, because their batch was recorded before it was one. Like [Other]
// it is no value of its own: events that really have it count as Other.
const Unknown = "__unknown__"

// Group identifies the events that have the same values of some dimensions. It
// includes the names of the dimensions, so that groups of different
// configurations differ. The empty Group stands for all events, as in a total.
// Groups of the same dimensions are ordered by their values.
type Group string

// groupEscape turns the zero bytes that end each part into others.
var groupEscape = strings.NewReplacer("\x00", "\x00\xff")

// NewGroup returns the group of events with these values of dimensions. The
// dimensions must always be in the same order, by name for example.
func NewGroup(values ...Field) Group {
	var b strings.Builder
	for _, f := range values {
		for _, part := range []string{f.Name, f.Value} {
			if strings.IndexByte(part, 0) >= 0 {
				part = groupEscape.Replace(part)
			}
			b.WriteString(part)
			b.WriteString("\x00\x00")
		}
	}
	return Group(b.String())
}

// Values returns the dimensions of the group with their values, in the order
// given to NewGroup. It returns none for a total, or for a string that NewGroup
// has not returned.
func (g Group) Values() []Field {
	var parts []string
	for rest := string(g); rest != ""; {
		end := partEnd(rest)
		if end < 0 {
			return nil
		}
		parts = append(parts, strings.ReplaceAll(rest[:end], "\x00\xff", "\x00"))
		rest = rest[end+2:]
	}
	values := make([]Field, 0, len(parts)/2)
	for i := 0; i+1 < len(parts); i += 2 {
		values = append(values, Field{parts[i], parts[i+1]})
	}
	return values
}

// partEnd returns the index of the zero bytes that end the first part, or -1.
func partEnd(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == 0 && s[i+1] == 0 {
			return i
		}
		if s[i] == 0 {
			i++ // escaped
		}
	}
	return -1
}

// dimensions returns the names of the dimensions of the group.
func (g Group) dimensions() []string {
	values := g.Values()
	names := make([]string, len(values))
	for i := range values {
		names[i] = values[i].Name
	}
	return names
}
