package httpapi

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// compressible are the media types of answers that are compressed for clients that
// accept it.
var compressible = []string{
	"application/json", "application/problem+json", "application/x-ndjson", "application/yaml", "text/csv",
	"text/html", "text/css", "text/javascript", "image/svg+xml",
}

// eventsPattern is the route of the stream of events.
const eventsPattern = "GET /batches/events"

// compress compresses what next answers, from 1 KiB on, with gzip.
func compress(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes(compressible), gzhttp.EnableZstd(false), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	return wrap(next), nil
}
