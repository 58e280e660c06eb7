package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// rows erases the rejected rows of the subject from a batch and returns their
// number.
func (x *eraser) rows(ctx context.Context, b *store.Batch) (int64, error) {
	if b.RejectedRows == 0 {
		return 0, nil
	}
	for {
		n, err := x.rowsOnce(ctx, b.ID)
		if !errors.Is(err, store.ErrChanged) || ctx.Err() != nil {
			return n, err
		}
	}
}

func (x *eraser) rowsOnce(ctx context.Context, id string) (int64, error) {
	n, err := x.rowErrors(ctx, id)
	if err != nil {
		return 0, err
	}
	lines, err := x.countErased(ctx, id)
	if err != nil || lines == 0 || x.r.DryRun {
		return max(n, lines), err
	}
	err = x.store.ReplaceAttachment(ctx, id, upload.RepairAttachment, func(yield func([]byte, error) bool) {
		for line, err := range x.repairLines(ctx, id) {
			if !x.isErased(&line) && !yield(line.Text, err) {
				return
			}
		}
	})
	return max(n, lines), err
}

// rowErrors erases the rows of the subject from the errors of the receipt.
func (x *eraser) rowErrors(ctx context.Context, id string) (int64, error) {
	var all []ingest.RowError
	if err := upload.DecodeAttachment(ctx, x.enforcer.store, id, upload.ErrorsAttachment, &all); err != nil {
		return 0, err
	}
	rest := slices.DeleteFunc(slices.Clone(all), x.isOf)
	n := int64(len(all) - len(rest))
	if n == 0 || x.r.DryRun {
		return n, nil
	}
	if len(rest) == 0 {
		return n, x.store.ReplaceAttachment(ctx, id, upload.ErrorsAttachment, nothing)
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", upload.ErrorsAttachment, err)
	}
	return n, x.store.ReplaceAttachment(ctx, id, upload.ErrorsAttachment, one(text))
}

// isOf reports whether a rejected row belongs to the subject.
func (x *eraser) isOf(e ingest.RowError) bool {
	known := false
	for _, f := range e.Record {
		isSubject := sameColumn(f.Name, x.enforcer.opts.Sums.Subject)
		known = known || isSubject
		if (isSubject || torn(e.Code)) && (matches(f.Value, x.subject) || torn(e.Code) && x.mentions(f.Value)) {
			return true
		}
	}
	if !known && slices.ContainsFunc(e.Record, func(f metrics.Field) bool { return matches(f.Value, x.subject) }) {
		return true
	}
	return matches(e.Value, x.subject) && (!known || sameColumn(e.Column, x.enforcer.opts.Sums.Subject)) || x.mentions(e.Message)
}

// torn reports whether a row could not be split into columns, so that a value
// may be part of any of them.
func torn(code ingest.Code) bool {
	return code == ingest.BadQuotes || code == ingest.TooManyFields || code == ingest.RowTooLong || code == ingest.BadJSON
}

func sameColumn(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// repairLines returns the lines of the repair file of a batch.
func (x *eraser) repairLines(ctx context.Context, id string) iter.Seq2[ingest.RepairLine, error] {
	return ingest.RepairLines(x.enforcer.store.Attachment(ctx, id, upload.RepairAttachment))
}

// isErased reports whether a line is a row of the subject.
func (x *eraser) isErased(line *ingest.RepairLine) bool { return !line.Header && x.isOf(line.Row) }

// countErased returns the number of rows of the subject in a repair file.
func (x *eraser) countErased(ctx context.Context, id string) (n int64, _ error) {
	for line, err := range x.repairLines(ctx, id) {
		if err != nil {
			return n, err
		}
		if x.isErased(&line) {
			n++
		}
	}
	return n, nil
}
