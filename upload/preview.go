package upload

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// maxChanges is the number of changes that a Preview lists.
const maxChanges = 1000

// Preview describes what an upload would do.
type Preview struct {
	// AcceptedRows, RejectedRows and DuplicateRows are the numbers of rows that
	// would be accepted, rejected, and skipped because of File.Dedupe.
	AcceptedRows, RejectedRows, DuplicateRows int64
	// DuplicateOf is the id of the batch with the same content that Upload would
	// return instead of storing the file; else "".
	DuplicateOf string
	// ReadAs says how the file was understood, Warnings what is suspicious.
	ReadAs   ingest.ReadAs
	Warnings []ingest.Warning
	// Errors are the reasons for rejections, the most frequent first, at most
	// Options.MaxErrors. MoreErrors means that there are others.
	Errors     []ErrorGroup
	MoreErrors bool
	// Changes are what processing the batch would change in the metrics,
	// ascending by day, then type: the first 1,000 of ChangeCount.
	Changes     []Change
	ChangeCount int
}

// ErrorGroup counts the rejected rows of one code and column.
type ErrorGroup struct {
	Code   ingest.Code
	Column string
	Count  int64
	// First is the first of them, with its values shortened.
	First ingest.RowError
}

// Change is a count of the ledger before and after.
type Change struct {
	Day           metrics.Day
	Type          string
	Before, After int64
}

// DryRun reads a file as [Uploader.Upload] does and stores nothing. It returns
// what Upload would answer, and what would change in the metrics if the batch
// was processed now; batches that wait for processing are not in Before. It
// ignores the idempotency key and uploads that are under way. With
// DedupeEventID the distinct ids of the file need memory, as the rows of
// DedupeOccurrence do. It is safe to repeat. Errors: those of Upload, except
// ErrInFlight and ErrKeyReused.
func (u *Uploader) DryRun(ctx context.Context, f File) (Preview, error) {
	checked, err := u.prepare(ctx, f)
	if err != nil {
		return Preview{}, err
	}
	defer checked.memory.Release()
	ctx, done := u.tel.observe(ctx)
	p, err := u.preview(ctx, checked)
	done(nil, err)
	return p, unwrapAdmit(err)
}

func (u *Uploader) preview(ctx context.Context, f *plan) (Preview, error) {
	body := newBody(ctx, f.Body, u.opts.MaxUploadBytes)
	defer u.endBody(ctx, body)
	sum, err := u.stream(ctx, f, body, discardWriter{}, u.previewClaims(f.deduper))
	if err != nil {
		return Preview{}, err
	}
	p := Preview{
		AcceptedRows: sum.accepted, RejectedRows: sum.rejected, DuplicateRows: sum.duplicates,
		ReadAs: sum.readAs, Warnings: sum.warnings, Errors: sum.reasons.sorted(), MoreErrors: sum.reasons.more,
	}
	if p.DuplicateOf, err = u.previewFile(ctx, f.deduper, &f.File, sum, body.digest()); err != nil || p.DuplicateOf != "" {
		return p, err
	}
	if err := u.checkRepairs(ctx, f.original, sum.accepted); err != nil {
		return Preview{}, err
	}
	totals := sum.contribution.Totals()
	p.ChangeCount = len(totals)
	p.Changes, err = u.previewChanges(ctx, totals[:min(len(totals), maxChanges)])
	return p, err
}

// previewChanges returns the counts of the ledger with and without c, which has
// totals only.
func (u *Uploader) previewChanges(ctx context.Context, c metrics.Contribution) ([]Change, error) {
	if len(c) == 0 {
		return nil, nil
	}
	changes := make([]Change, len(c))
	types := map[string]struct{}{}
	for i := range c {
		types[c[i].Type] = struct{}{}
		changes[i] = Change{Day: c[i].Day, Type: c[i].Type, After: c[i].Count}
	}
	q := metrics.Filter{From: c[0].Day, To: c[len(c)-1].Day, Types: slices.Sorted(maps.Keys(types))}
	for d, err := range u.store.DayCounts(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("eventmetrics: read ledger: %w", err)
		}
		i, found := slices.BinarySearchFunc(c, d, func(a, b metrics.DayCount) int { return a.Compare(&b) })
		if found {
			changes[i].Before = d.Count
			changes[i].After += d.Count
		}
	}
	return changes, nil
}

// discardWriter accepts events and stores none.
type discardWriter struct{ store.Writer }

func (discardWriter) Write(context.Context, []metrics.Event) error { return nil }

func (discardWriter) Attach(context.Context, string, []byte) error { return nil }

// reason is why rows were rejected.
type reason struct {
	code   ingest.Code
	column string
}

// reasons counts rejected rows by their reason, up to a limit of reasons: each
// row of a hostile file may have another column.
type reasons struct {
	limit  int
	groups []ErrorGroup
	places map[reason]int
	more   bool
}

func (r *reasons) add(e *ingest.RowError) {
	why := reason{e.Code, e.Column}
	i, known := r.places[why]
	if !known && len(r.groups) == r.limit {
		r.more = true
		return
	}
	if !known {
		i = len(r.groups)
		r.places[why] = i
		r.groups = append(r.groups, ErrorGroup{Code: e.Code, Column: e.Column, First: shortCopy(e)})
	}
	r.groups[i].Count++
}

// sorted returns the groups, the most frequent first, else in the order of
// their first rows.
func (r *reasons) sorted() []ErrorGroup {
	slices.SortStableFunc(r.groups, func(a, b ErrorGroup) int { return cmp.Compare(b.Count, a.Count) })
	return r.groups
}
