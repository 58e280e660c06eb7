package mongostore

import (
	"errors"
	"net/url"
	"strings"
)

// errURI does not cite the URI, not even in part: in a malformed URI, any part
// may be the password.
var errURI = errors.New("want mongodb://user:password@host:27017/database, or mongodb+srv (special characters of user and password percent-encoded)")

// CheckURI returns an error for a URI that the driver would refuse with an error
// that may cite a part of the password. It sends nothing. [Open] calls it.
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
