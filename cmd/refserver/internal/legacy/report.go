package legacy

import (
	"fmt"
	"io"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// Report is the result of an import.
type Report struct {
	// Batches is the number of batches read. Orphans is the number of batch ids
	// that have events but no batch.
	Batches, Orphans int64
	// Imported counts batches stored now, Again those stored by an earlier run.
	Imported, Again int64
	// Empty counts batches without events, Refused those without a valid event.
	Empty, Refused int64
	// Events and Rejected count the accepted and rejected events of these batches.
	Events, Rejected int64
	// Completed counts processed batches. Unprocessed batches must be processed
	// before cleanup prunes them.
	Completed, Unprocessed int64
	// Counted is the number of events in the completed batches.
	Counted int64
	// Rejections lists batches with rejected events, Problems batches with other
	// errors. Each has at most 1,000 entries.
	Rejections []Rejection
	Problems   []Problem
	// Troubled is the number of all problems.
	Troubled int64
	// Differences lists the errors of the original's daily metrics, ascending by
	// day and event type.
	Differences []Difference
	// Uncompared means that the daily metrics were not compared: there were too
	// many days and event types, or the events of a batch were purged.
	Uncompared bool
}

// Rejection describes the rejected events of a batch.
type Rejection struct {
	// From is the original's batch id. Batch is the new one, whose repair file has
	// all rejected events; it is empty if no event was accepted.
	From, Batch string
	Events      int64
	// Reasons are the reasons of the first rejected events.
	Reasons []string
}

// Problem describes an error of a batch.
type Problem struct{ From, Batch, What string }

// Difference is a count of the original that differs from that of the events.
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
		{r.Orphans, "batch ids with events but without a batch"},
		{r.Imported, "imported now"},
		{r.Again, "imported by an earlier run"},
		{r.Empty, "skipped: without events"},
		{r.Refused, "skipped: without a valid event"},
		{r.Completed, "completed"},
		{r.Unprocessed, "not processed: process them before cleanup prunes them"},
		{r.Troubled, "with problems"},
		{r.Events, "events accepted"},
		{r.Rejected, "events rejected"},
		{r.Counted, "events in completed batches"},
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
	fmt.Fprintf(b, "%d counts of the original's daily metrics differ from the events\n", len(r.Differences))
	for _, d := range r.Differences {
		fmt.Fprintf(b, "  %q %q: original %d, recount %d\n", d.Day, d.EventType, d.Original, d.Recount)
	}
}
