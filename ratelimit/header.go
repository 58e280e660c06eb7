package ratelimit

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// policy is the name by which the RateLimit field refers to RateLimit-Policy.
const policy = "default"

// maxInteger is the largest Integer of a structured field (RFC 9651, 3.3.1).
const maxInteger = 999_999_999_999_999

// WriteHeader sets the fields of draft-ietf-httpapi-ratelimit-headers (since
// draft 08) in h, and Retry-After when the request is not allowed:
//
//	RateLimit-Policy: "default";q=1;w=60
//	RateLimit: "default";r=0;t=42
//	Retry-After: 42
//
// Times are whole seconds, rounded up, so that a client that waits as long is not
// too early. A Decision without a Limit or a Window (see [Unlimited]) sets no
// RateLimit field. WriteHeader must be called before the header is sent. A second
// call overwrites the fields.
func (d Decision) WriteHeader(h http.Header) {
	reset := max(1, seconds(d.ResetAfter))
	if d.Limit > 0 && d.Window > 0 {
		h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", policy, integer(d.Limit), seconds(d.Window)))
		h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", policy, integer(d.Remaining), reset))
	}
	if !d.Allowed {
		h.Set("Retry-After", strconv.FormatInt(reset, 10))
	}
}

// seconds rounds up to whole seconds without overflow.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return max(0, s)
}

func integer(n int64) int64 { return min(max(0, n), maxInteger) }
