package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// problemMembers are the members of the errors that explain works with.
type problemMembers struct {
	// ReadAs is how the file was understood.
	ReadAs *readAs `json:"read_as"`
	// BatchID is the earlier batch with the same content, Differences the options
	// that differ.
	BatchID     string       `json:"batch_id"`
	Differences []difference `json:"differences"`
	// Readings are the two meanings of an ambiguous date.
	Readings []dateReading `json:"readings"`
}

// difference is an option that had another value for an earlier batch.
type difference struct {
	Option  string `json:"option"`
	Earlier string `json:"earlier"`
	Now     string `json:"now"`
}

// dateReading is one meaning of a date.
type dateReading struct {
	Line  int64  `json:"line"`
	Value string `json:"value"`
	Date  string `json:"date"`
}

// explain returns why a file was not uploaded, in the words of the command line:
// what to do is a flag, not a parameter of the API.
func explain(err error) string {
	e, ok := err.(*serverError) //nolint:errorlint // a wrapped error says more, such as the number of attempts
	if !ok {
		return err.Error()
	}
	switch e.Code {
	case "ambiguous_time":
		return e.explainDates()
	case "read_otherwise":
		return fmt.Sprintf("batch %s has the same file, read in another way (%s); "+
			"to delete that batch and upload the file again, repeat the command with -replace", e.BatchID, e.differences())
	case "too_many_repairs":
		return strings.Replace(e.Detail, "use dedupe", "use -dedupe", 1)
	case "no_valid_row":
		return "no row is valid; nothing was stored"
	case "other_format", "no_rows":
		return e.Detail
	}
	if e.ReadAs != nil && e.ReadAs.EncodingHint != "" { // printReading says it with the flag
		shorter := *e
		shorter.Detail, _, _ = strings.Cut(e.Detail, ". The file seems")
		return shorter.Error()
	}
	return e.Error()
}

func (e *serverError) explainDates() string {
	if len(e.Readings) != 2 {
		return e.Error()
	}
	const choose = "; repeat the command with -layout dmy (day first) or -layout mdy (month first)"
	a, b := e.Readings[0], e.Readings[1]
	if a.Line == b.Line && a.Value == b.Value {
		return fmt.Sprintf("%s on line %d is %s or %s, and no other row shows which%s", a.Value, a.Line, a.date(), b.date(), choose)
	}
	return fmt.Sprintf("some dates have the day first and others the month: %s on line %d is %s, %s on line %d is %s%s",
		a.Value, a.Line, a.date(), b.Value, b.Line, b.date(), choose)
}

// date spells the date out.
func (r *dateReading) date() string {
	d, err := time.Parse(time.DateOnly, r.Date)
	if err != nil {
		return r.Date
	}
	return d.Format("2 January 2006")
}

// differences lists the options that differ.
func (e *serverError) differences() string {
	parts := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		words := map[string]map[string]string{"date_order": orderWords, "delimiter": delimiterWords}[d.Option]
		parts[i] = fmt.Sprintf("%s was %s, now %s", strings.ReplaceAll(d.Option, "_", " "), word(words, d.Earlier), word(words, d.Now))
	}
	return strings.Join(parts, "; ")
}

// printFailure prints why a file was not uploaded.
func (u *uploader) printFailure(name string, err error) {
	u.t.print("%s: NOT UPLOADED: %s\n", texttable.Plain(name), texttable.Plain(explain(err)))
	refused, ok := err.(*serverError) //nolint:errorlint // a wrapped error is temporary and has no rows
	if !ok {
		return
	}
	u.printReading(refused.ReadAs, nil, false)
	u.printRows(refused.Rows, refused.Rejected)
}
