package upload

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// ReadingError means that an earlier batch has the content of a file, and was
// read with other options, which give its rows other values. Nothing was stored.
// Delete that batch first to read the file again.
type ReadingError struct {
	// Batch is the id of the earlier batch.
	Batch string
	// Differences are the options that make the difference.
	Differences []ReadingDifference
}

// ReadingDifference is an option that two readings of a file differ in.
type ReadingDifference struct {
	// Option is time_zone, date_order, encoding, format or delimiter.
	Option string
	// Earlier is its value for the earlier batch, Now that of this upload.
	Earlier, Now string
}

// Error names the batch and the options.
func (e *ReadingError) Error() string {
	var parts []string
	for _, d := range e.Differences {
		parts = append(parts, fmt.Sprintf("%s was %s and is %s now", d.Option, d.Earlier, d.Now))
	}
	return fmt.Sprintf("eventmetrics: batch %s has this content and was read with other options: %s; delete that batch to upload it again", e.Batch, strings.Join(parts, ", "))
}

// compareReadings returns an error if the batch of an earlier receipt was read
// otherwise. Errors: *ReadingError.
func compareReadings(earlier *Receipt, now ingest.ReadAs) error {
	was := earlier.ReadAs
	if was.Format == "" { // archived
		return nil
	}
	var differ []ReadingDifference
	for _, d := range []ReadingDifference{
		{"format", was.Format, now.Format},
		{"encoding", was.Encoding, now.Encoding},
		{"delimiter", was.Delimiter, now.Delimiter},
		{"date_order", was.DateOrder, now.DateOrder},
		{"time_zone", was.TimeZone, now.TimeZone},
	} {
		if d.Earlier != d.Now {
			differ = append(differ, d)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	return &ReadingError{earlier.Batch.ID, differ}
}

// wouldRead returns how the file of an earlier receipt would be read now, as far
// as the options tell: the file itself is not read again.
func (f *File) wouldRead(earlier *Receipt) ingest.ReadAs {
	now := earlier.ReadAs
	if now.TimeZone != "" {
		now.TimeZone = time.UTC.String()
		if f.Zone != nil {
			now.TimeZone = f.Zone.String()
		}
	}
	if now.DateOrder != "" && f.DateOrder != ingest.FindOrder {
		now.DateOrder = f.DateOrder.String()
	}
	// A file that was read as Unicode may begin with a byte order mark, which
	// decides whatever the options say. One with other bytes has none.
	if f.Encoding.Name != "" && (!strings.HasPrefix(now.Encoding, "utf-") || earlier.hasOtherBytes()) {
		now.Encoding = f.Encoding.Name
	}
	return now
}

// hasOtherBytes reports whether rows were rejected because their text was not in
// the encoding.
func (r *Receipt) hasOtherBytes() bool {
	return r.ReadAs.EncodingHint != "" ||
		slices.ContainsFunc(r.Errors, func(e ingest.RowError) bool { return e.Code == ingest.BadEncoding })
}
