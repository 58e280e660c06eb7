package mongostore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// errURI does not cite the URI, not even in part: in a malformed URI, any part
// may be the password.
var errURI = errors.New("want mongodb://user:password@host:27017/database, or mongodb+srv (special characters of user and password percent-encoded)")

// CheckURI returns an error for a URI that the driver would refuse with an error
// that may cite a part of the password, and for one that changes from where the
// Store reads or how safe its writes are. It sends nothing. [Open] calls it.
func CheckURI(uri string) error {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found || scheme != "mongodb" && scheme != "mongodb+srv" {
		return errURI
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if strings.Contains(rest[end:], "@") || strings.Contains(rest[end:], "#") {
		return errURI // the password has a /, ? or #
	}
	if err := checkParameters(rest[end:]); err != nil {
		return err
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return nil
	}
	user, password, _ := strings.Cut(rest[:at], ":")
	for _, part := range []string{user, password} {
		if _, err := url.PathUnescape(part); err != nil || strings.ContainsAny(part, ":@") {
			return errURI
		}
	}
	return nil
}

// fixed has the parameters of a URI that a Store does not leave to it, each with
// the value that it may have.
var fixed = map[string]string{
	"readpreference": "primary", "readpreferencetags": "", "maxstalenessseconds": "",
	"readconcernlevel": "majority", "w": "majority", "wtimeoutms": "", "journal": "true",
}

// checkParameters refuses what would make answers wrong: a Store reads what a
// majority has from the primary, and waits for the majority when it writes.
func checkParameters(path string) error {
	_, query, _ := strings.Cut(path, "?")
	for part := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		if want, ok := fixed[strings.ToLower(name)]; ok && !strings.EqualFold(value, want) {
			return fmt.Errorf("remove the parameter %s: reads are from the primary and writes wait for a majority, or answers would be wrong", name)
		}
	}
	return nil
}
