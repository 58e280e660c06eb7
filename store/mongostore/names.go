package mongostore

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Members of an event's document that are not columns of the file. A percent
// sign in the name of a column is encoded, so no column has these names.
const (
	memberID    = "%id" // the event id, where it is not event_id
	memberNanos = "%ns" // the nanoseconds that a date cannot hold
)

// isReserved reports whether a document of an event has this member itself.
func isReserved(name string) bool {
	switch name {
	case "_id", "batch_id", "event_id", "event_type", "timestamp":
		return true
	}
	return false
}

// names turns the names of columns into names of members. A member's name cannot
// have a zero byte. MongoDB allows two members of one name, names with a dot and
// names that begin with a dollar sign, but many tools and servers that imitate
// it do not.
type names struct {
	known map[string]string
	seen  map[string]int // how often a name came in this document
}

// reset begins a new document.
func (n *names) reset() { clear(n.seen) }

// member returns the name of the member for the next column of this document.
func (n *names) member(column string) string {
	if n.known == nil {
		n.known, n.seen = map[string]string{}, map[string]int{}
	}
	m, ok := n.known[column]
	if !ok {
		m = escape(column)
		if len(n.known) < 1<<16 { // a hostile file has new ones in each row
			n.known[strings.Clone(column)] = m
		}
	}
	n.seen[column]++
	if times := n.seen[column]; times > 1 {
		return m + "%_" + strconv.Itoa(times)
	}
	return m
}

// escape encodes a name so that it differs from that of every other column and
// of every member of this package.
func escape(column string) string {
	if column == "" || isReserved(column) {
		return column + "%_"
	}
	if strings.IndexFunc(column, isAwkward) < 0 {
		return column
	}
	var b strings.Builder
	for _, c := range []byte(column) {
		if isAwkward(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isAwkward reports whether a character must be encoded in a name.
func isAwkward(c rune) bool {
	return c < ' ' || c == '%' || c == '.' || c == '$' || c == '"' || c == '\\'
}

// column is the opposite of member.
func column(member string) string {
	if !strings.Contains(member, "%") {
		return member
	}
	plain, _, _ := strings.Cut(member, "%_")
	if decoded, err := url.PathUnescape(plain); err == nil {
		return decoded
	}
	return plain
}
