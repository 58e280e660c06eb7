package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest time that a request may ask to wait.
const maxWait = 30 * time.Second

// preferences are the parts of the Prefer header (RFC 7240) that we know.
type preferences struct {
	async bool
	wait  time.Duration
}

func parsePrefer(r *http.Request) preferences {
	var p preferences
	for _, line := range r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch strings.ToLower(name) {
			case "respond-async":
				p.async = true
			case "wait":
				// The RFC says to ignore a preference that makes no sense.
				if n, err := strconv.Atoi(strings.Trim(value, `" `)); err == nil && n > 0 {
					p.wait = min(time.Duration(n)*time.Second, maxWait)
				}
			}
		}
	}
	return p
}

// appliedWait sets the header that says that the wait was granted, and how long.
func appliedWait(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
}
