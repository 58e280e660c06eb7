package legacy

import (
	"fmt"
	"io"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// Report says what became of the original's data.
type Report struct {
	// Batches is the number of batches read, Orphans that of batch ids with
	// events and without a batch.
	Batches, Orphans int64
	// Imported batches were stored now, Again ones by an earlier run.
	Imported, Again int64
	// Empty batches have no events; Refused ones have no valid one.
	Empty, Refused int64
	// Events were accepted, Rejected ones not, in all of these batches.
	Events, Rejected int64
	// Completed batches count; Unprocessed ones wait for somebody to process
	// them, until cleanup removes them.
	Completed, Unprocessed int64
	// Counted is the number of events in the completed batches.
	Counted int64
	// Rejections tell of batches with rejected events, Problems of batches
	// that are not as they should be. Of each the first thousand are listed.
	Rejections []Rejection
	Problems   []Problem
	// Troubled is the number of all problems.
	Troubled int64
	// Differences are the defects of the original's daily metrics, ascending
	// by day and event type.
	Differences []Difference
	// Uncompared means that they were not looked for, because there were too
	// many days and event types or the events of some batch were purged.
	Uncompared bool
}

// Rejection tells of the rejected events of a batch.
type Rejection struct {
	// From is the original's batch id. Batch is the new one; its repair file
	// has all rejected events. It is empty if no event was accepted.
	From, Batch string
	Events      int64
	// Reasons are the first of them.
	Reasons []string
}

// Problem tells of a batch that is not as it should be.
type Problem struct{ From, Batch, What string }

// Difference is a number of the original that the events do not bear out.
type Difference struct {
	Day, EventType    string
	Original, Recount int64
}

const (
	maxListed  = 1000
	maxReasons = 3
)

func (r *Report) stored(b *batch, receipt *eventmetrics.Receipt) {
	if receipt.Replayed {
		r.Again++
	} else {
		r.Imported++
	}
	r.Events += receipt.Batch.AcceptedRows
	if receipt.Batch.RejectedRows > 0 {
		r.rejected(b, receipt.Batch.ID, receipt.Batch.RejectedRows, receipt.Errors)
	}
}

func (r *Report) rejected(b *batch, id string, n int64, errs []ingest.RowError) {
	r.Rejected += n
	if len(r.Rejections) == maxListed {
		return
	}
	rejection := Rejection{From: b.id, Batch: id, Events: n}
	for _, e := range errs[:min(len(errs), maxReasons)] {
		reason := e.Message
		if event := (&metrics.Event{Fields: e.Record}).Field("event_id"); event != "" {
			reason = "event " + event + ": " + reason
		}
		rejection.Reasons = append(rejection.Reasons, strings.Clone(reason))
	}
	r.Rejections = append(r.Rejections, rejection)
}

func (r *Report) problem(from, id, what string) {
	r.Troubled++
	if len(r.Problems) < maxListed {
		r.Problems = append(r.Problems, Problem{From: from, Batch: id, What: what})
	}
}

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, line := range []struct {
		n    int64
		what string
	}{
		{r.Batches, "batches of the original"},
		{r.Orphans, "batches of which only events are left"},
		{r.Imported, "imported now"},
		{r.Again, "imported by an earlier run"},
		{r.Empty, "skipped: without events"},
		{r.Refused, "skipped: without a valid event"},
		{r.Completed, "completed: they count"},
		{r.Unprocessed, "not processed: cleanup removes them unless somebody does"},
		{r.Troubled, "with problems"},
		{r.Events, "events accepted"},
		{r.Rejected, "events rejected"},
		{r.Counted, "events that count"},
	} {
		fmt.Fprintf(&b, "%12d  %s\n", line.n, line.what)
	}
	r.list(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) list(b *strings.Builder) {
	for _, p := range r.Problems {
		fmt.Fprintf(b, "problem: batch %q (now %q): %s\n", p.From, p.Batch, p.What)
	}
	for _, j := range r.Rejections {
		fmt.Fprintf(b, "rejected: %d events of batch %q (now %q): %q\n", j.Events, j.From, j.Batch, j.Reasons)
	}
	if r.Uncompared {
		b.WriteString("the original's daily metrics were not compared\n")
		return
	}
	fmt.Fprintf(b, "%d numbers of the original's daily metrics are not what the events say\n", len(r.Differences))
	for _, d := range r.Differences {
		fmt.Fprintf(b, "  %q %q: original %d, recount %d\n", d.Day, d.EventType, d.Original, d.Recount)
	}
}
