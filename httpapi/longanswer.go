package httpapi

import (
	"crypto/sha256"
	"net/http"

	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// maxWhole is the size from which an answer is not held in memory as a whole.
const maxWhole = 1 << 20

// sendLong encodes an answer. It returns one that is short, and sends one that
// is long: it encodes that twice, first for the ETag and then piece by piece.
func sendLong(w http.ResponseWriter, r *http.Request, a *answer, f format) []byte {
	long, digest := false, sha256.New()
	rest := f.encode(a, func(b []byte) []byte {
		if len(b) < maxWhole {
			return b
		}
		long = true
		_, _ = digest.Write(b)
		return b[:0]
	})
	if !long {
		return rest
	}
	_, _ = digest.Write(rest)
	if tagged(w, r, digest.Sum(nil)) {
		return nil
	}
	var err error // means that the client left
	write := func(b []byte) []byte {
		if err == nil {
			_, err = w.Write(b)
		}
		return b[:0]
	}
	write(f.encode(a, func(b []byte) []byte {
		if len(b) < 32<<10 {
			return b
		}
		return write(b)
	}))
	return nil
}

// sendTagged sends a body with its ETag, or 304 if the client has it.
func sendTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	digest := sha256.Sum256(body)
	if !tagged(w, r, digest[:]) {
		_, _ = w.Write(body) // an error means that the client left
	}
}

// bytes returns how much memory the encoding of a result takes beside what is
// written piece by piece.
func (f *format) bytes(r *series.Result) int64 {
	if !f.table {
		return 2 * maxWhole
	}
	const rowBytes = 640
	return rowBytes * int64(len(r.Buckets))
}
