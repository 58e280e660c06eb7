// Package tokens reads and extends TOKENS_FILE, which has the tokens of users and
// programs by their digests.
//
// A line has a name, a role, the SHA-256 of a token in hex and, if the token ends,
// when: a time in RFC 3339, or a date, which is that day's end in UTC. They are
// separated by spaces or tabs. What follows a word that begins with # is a comment.
package tokens

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

// adminName is that of ADMIN_TOKEN.
const adminName = "admin"

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// Parse reads the text of a file. The error names each wrong line by the name of
// the file and its number.
func Parse(file string, text []byte) ([]httpapi.Token, error) {
	var all []httpapi.Token
	var wrong []error
	at := map[string]int{} // lines by name and by digest
	number := 0
	for line := range bytes.Lines(text) {
		number++
		t, err := parseLine(string(line))
		if err == nil && t.Name == "" {
			continue
		}
		digest := hex.EncodeToString(t.SHA256[:])
		if earlier := cmp.Or(at[t.Name], at[digest]); err == nil && earlier > 0 {
			err = fmt.Errorf("has the name or the token of line %d", earlier)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", file, number, err))
			continue
		}
		at[t.Name], at[digest] = number, number
		all = append(all, t)
	}
	return all, errors.Join(wrong...)
}

// parseLine returns the token of a line, or one without a name if there is none.
func parseLine(line string) (t httpapi.Token, err error) {
	words := strings.Fields(line)
	if i := slices.IndexFunc(words, func(word string) bool { return word[0] == '#' }); i >= 0 {
		words = words[:i]
	}
	switch len(words) {
	case 0:
		return t, nil
	case 3, 4:
	default:
		return t, fmt.Errorf("has %d words, want name, role, SHA-256 and optionally the end", len(words))
	}
	if err := CheckName(words[0]); err != nil {
		return t, err
	}
	t.Name = words[0]
	if t.Role, err = ParseRole(words[1]); err != nil {
		return t, err
	}
	digest, err := hex.DecodeString(words[2])
	if err != nil || len(digest) != sha256.Size {
		return t, errors.New("the third word is no SHA-256 of 64 hex digits")
	}
	t.SHA256 = [sha256.Size]byte(digest)
	if len(words) == 4 {
		t.Expires, err = ParseEnd(words[3])
	}
	return t, err
}

// CheckName returns what is wrong with the name of a token.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("the name %.70q is not 1 to 64 letters, digits and . _ @ -", name)
	}
	if name == adminName {
		return errors.New("the name admin is that of ADMIN_TOKEN")
	}
	return nil
}

// ParseRole returns the role of a name.
func ParseRole(text string) (httpapi.Role, error) {
	if !slices.Contains(httpapi.Roles(), httpapi.Role(text)) {
		return "", fmt.Errorf("unknown role %.40q; want one of %q", text, httpapi.Roles())
	}
	return httpapi.Role(text), nil
}

// ParseEnd reads when a token ends: a time in RFC 3339, or a date, which is that
// day's end in UTC.
func ParseEnd(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	end, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is no time such as 2026-12-31 or 2026-12-31T18:00:00Z", text)
	}
	return end, nil
}

// Generate returns a new token and what a file has of it. With "" the name is made
// from the role.
func Generate(name string, role httpapi.Role, end time.Time) (string, httpapi.Token) {
	if name == "" {
		name = string(role) + "-" + strings.ToLower(rand.Text()[:6])
	}
	secret := rand.Text()
	return secret, httpapi.Token{Name: name, Role: role, SHA256: sha256.Sum256([]byte(secret)), Expires: end}
}

// Line returns the line of a token, without a line end.
func Line(t *httpapi.Token) string {
	line := fmt.Sprintf("%s %s %x", t.Name, t.Role, t.SHA256)
	if !t.Expires.IsZero() {
		line += " " + t.Expires.UTC().Format(time.RFC3339)
	}
	return line
}
