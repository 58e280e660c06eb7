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
	for left := x.r.Left; ; x.r.Left = left {
		n, err := x.rowsOnce(ctx, b.ID)
		if !errors.Is(err, store.ErrChanged) || ctx.Err() != nil {
			return n, err
		}
	}
}

func (x *eraser) rowsOnce(ctx context.Context, id string) (int64, error) {
	r := rejectedRows{x: x, id: id}
	if err := r.read(ctx); err != nil {
		return 0, err
	}
	if x.r.DryRun || r.found == 0 {
		return r.found, nil
	}
	if err := r.rewriteErrors(ctx); err != nil {
		return 0, err
	}
	if !r.inFile {
		return r.found, nil
	}
	return r.found, x.store.ReplaceAttachment(ctx, id, upload.RepairAttachment, r.rest(ctx))
}

// rejectedRows finds the rows of the subject among the rejected ones of a batch.
// The errors of the receipt and the repair file do not have the same text of a
// row, so a row that is the subject's in one is erased from both.
type rejectedRows struct {
	x      *eraser
	id     string
	delim  string // of the file
	errors []ingest.RowError
	listed map[int64]bool // the rows in errors, true for those of the subject
	found  int64
	inFile bool // there is one in the repair file
}

func (r *rejectedRows) read(ctx context.Context) error {
	st := r.x.enforcer.store
	var as ingest.ReadAs
	if err := upload.DecodeAttachment(ctx, st, r.id, upload.ReadAsAttachment, &as); err != nil {
		return err
	}
	r.delim = as.Delimiter
	if err := upload.DecodeAttachment(ctx, st, r.id, upload.ErrorsAttachment, &r.errors); err != nil {
		return err
	}
	r.listed = make(map[int64]bool, len(r.errors))
	for i := range r.errors {
		r.listed[r.errors[i].Row] = r.isOf(&r.errors[i])
	}
	for line, err := range r.lines(ctx) {
		if err != nil {
			return err
		}
		if line.Header {
			r.x.noteNames(line.Row.Record)
		}
		if !r.isErased(&line) {
			continue
		}
		r.inFile = true
		if _, ok := r.listed[line.Row.Row]; ok {
			r.listed[line.Row.Row] = true
		} else {
			r.found++
		}
	}
	for _, isOf := range r.listed {
		if isOf {
			r.found++
		}
	}
	return nil
}

// lines returns the lines of the repair file.
func (r *rejectedRows) lines(ctx context.Context) iter.Seq2[ingest.RepairLine, error] {
	return ingest.RepairLines(r.x.enforcer.store.Attachment(ctx, r.id, upload.RepairAttachment))
}

// isErased reports whether a line of the repair file is a row of the subject.
func (r *rejectedRows) isErased(line *ingest.RepairLine) bool {
	return !line.Header && (r.listed[line.Row.Row] || r.isOf(&line.Row))
}

// rest yields the repair file without the rows of the subject.
func (r *rejectedRows) rest(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for line, err := range r.lines(ctx) {
			if !r.isErased(&line) && !yield(line.Text, err) {
				return
			}
		}
	}
}

// rewriteErrors erases the rows of the subject from the errors of the receipt.
func (r *rejectedRows) rewriteErrors(ctx context.Context) error {
	rest := slices.DeleteFunc(slices.Clone(r.errors), func(e ingest.RowError) bool { return r.listed[e.Row] })
	if len(rest) == len(r.errors) {
		return nil
	}
	return r.x.replaceJSON(ctx, r.id, upload.ErrorsAttachment, len(rest), rest)
}

// replaceJSON replaces an attachment with the JSON of a list of n values. An
// empty list is no attachment.
func (x *eraser) replaceJSON(ctx context.Context, id, name string, n int, list any) error {
	if n == 0 {
		return x.store.ReplaceAttachment(ctx, id, name, nothing)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return x.store.ReplaceAttachment(ctx, id, name, one(text))
}

// isOf reports whether a rejected row belongs to the subject.
func (r *rejectedRows) isOf(e *ingest.RowError) bool {
	x, column := r.x, r.x.enforcer.opts.Sums.Subject
	if x.in(e.Message) || torn(e) && r.mentions(e) {
		return true
	}
	known := false
	for _, f := range e.Record {
		if ingest.ColumnName(f.Name) == column {
			known = true
			if x.is(f.Value) {
				return true
			}
		}
	}
	if !known && slices.ContainsFunc(e.Record, func(f metrics.Field) bool { return x.is(f.Value) }) {
		return true
	}
	return x.is(e.Value) && (!known || ingest.ColumnName(e.Column) == column) || r.spans(e.Record)
}

// torn reports whether a row could not be split into columns, so that a value
// may be part of any of them, or be spread over several.
func torn(e *ingest.RowError) bool {
	switch e.Code {
	case ingest.BadQuotes, ingest.TooManyFields, ingest.RowTooLong, ingest.BadJSON:
		return true
	case ingest.BadEncoding:
		return e.Column == "" // the line as a whole
	}
	return false
}

// mentions reports whether the text of a torn row has the subject. The values
// are the pieces between delimiters, so joined they are the line again.
func (r *rejectedRows) mentions(e *ingest.RowError) bool {
	if r.x.in(e.Value) {
		return true
	}
	values := make([]string, len(e.Record))
	for i, f := range e.Record {
		if values[i] = f.Value; r.x.in(f.Name) || r.x.in(f.Value) {
			return true
		}
	}
	return r.delim != "" && r.x.in(strings.Join(values, r.delim))
}

// spans reports whether the values of consecutive columns are the pieces of a
// subject that has the delimiter in it and was not in quotes.
func (r *rejectedRows) spans(record []metrics.Field) bool {
	if r.delim == "" || !strings.Contains(r.x.subject, r.delim) {
		return false
	}
	pieces := strings.Split(r.x.subject, r.delim)
	for i := range len(record) - len(pieces) + 1 {
		whole := true
		for k, piece := range pieces {
			whole = whole && piecesOf(record[i+k].Value, piece)
		}
		if whole {
			return true
		}
	}
	return false
}

// piecesOf reports whether a value is a piece of a subject, perhaps with a quote
// or space at its ends.
func piecesOf(value, piece string) bool {
	trimmed := func(s string) string { return strings.Trim(ingest.Clean(s), ` "'`) }
	return slices.ContainsFunc(readings(value), func(v string) bool { return trimmed(v) == trimmed(piece) })
}
