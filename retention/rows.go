package retention

import (
	"bytes"
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

// rows removes the rejected rows of the subject from a batch and returns their
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
	lines, err := x.count(x.repairLines(ctx, id))
	if err != nil || lines == 0 || x.r.DryRun {
		return max(n, lines), err
	}
	err = x.store.ReplaceAttachment(ctx, id, upload.RepairAttachment, func(yield func([]byte, error) bool) {
		for line, err := range x.repairLines(ctx, id) {
			if !line.gone && !yield(line.text, err) {
				return
			}
		}
	})
	return max(n, lines), err
}

// rowErrors removes the rows of the subject from those that the upload was
// answered with.
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

// isOf reports whether a rejected row is the subject's.
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

// torn reports whether a row could not be split into its columns, so that a
// value may be in any, with others.
func torn(code ingest.Code) bool {
	return code == ingest.BadQuotes || code == ingest.TooManyFields || code == ingest.RowTooLong || code == ingest.BadJSON
}

func sameColumn(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// repairLine is a line of a repair file with its line end.
type repairLine struct {
	text []byte
	gone bool // it is the subject's
}

// count counts the lines that go.
func (x *eraser) count(lines iter.Seq2[repairLine, error]) (n int64, _ error) {
	for line, err := range lines {
		if err != nil {
			return n, err
		}
		if line.gone {
			n++
		}
	}
	return n, nil
}

// repairLines yields the lines of a batch's repair file. A line is valid until
// the next; no more than one is in memory.
func (x *eraser) repairLines(ctx context.Context, id string) iter.Seq2[repairLine, error] {
	return func(yield func(repairLine, error) bool) {
		var header []string
		for text, err := range lines(x.enforcer.store.Attachment(ctx, id, upload.RepairAttachment)) {
			if err != nil {
				yield(repairLine{}, err)
				return
			}
			cells := splitCells(text)
			if header == nil {
				header = cells
				if !yield(repairLine{text: text}, nil) {
					return
				}
				continue
			}
			if !yield(repairLine{text, x.isOf(rejected(header, cells))}, nil) {
				return
			}
		}
	}
}

// lines splits a CSV file that [ingest.RepairWriter] wrote into its lines. A
// line end within quotes is none.
func lines(chunks iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var line []byte
		quoted := false
		for chunk, err := range chunks {
			if err != nil {
				yield(nil, err)
				return
			}
			for len(chunk) > 0 {
				end := bytes.IndexByte(chunk, '\n') + 1
				whole := end > 0
				if !whole {
					end = len(chunk)
				}
				quoted = quoted != (bytes.Count(chunk[:end], []byte{'"'})%2 == 1)
				line, chunk = append(line, chunk[:end]...), chunk[end:]
				if !whole || quoted {
					continue
				}
				if !yield(line, nil) {
					return
				}
				line = line[:0]
			}
		}
		if len(line) > 0 {
			yield(line, nil)
		}
	}
}

// splitCells splits a line into its values, without what protects formulas.
func splitCells(line []byte) []string {
	rest := strings.TrimSuffix(string(line), "\n")
	var cells []string
	for {
		var cell string
		if cell, rest = cutCell(rest); strings.HasPrefix(cell, "'") {
			if plain := strings.TrimLeft(cell, "'"); plain != "" && strings.ContainsRune("=+-@\t\r", rune(plain[0])) {
				cell = cell[1:]
			}
		}
		cells = append(cells, cell)
		if rest == "" {
			return cells
		}
		rest = rest[1:] // the comma
	}
}

// cutCell takes the first value off a line; the comma stays.
func cutCell(line string) (cell, rest string) {
	if !strings.HasPrefix(line, `"`) {
		if i := strings.IndexByte(line, ','); i >= 0 {
			return line[:i], line[i:]
		}
		return line, ""
	}
	var b strings.Builder
	for line = line[1:]; ; {
		before, after, closed := strings.Cut(line, `"`)
		b.WriteString(before)
		if !closed || !strings.HasPrefix(after, `"`) {
			return b.String(), after
		}
		b.WriteByte('"')
		line = after[1:]
	}
}

// rejected is the row that a line of a repair file tells of.
func rejected(header, cells []string) ingest.RowError {
	var e ingest.RowError
	for i, name := range header[:min(len(header), len(cells))] {
		switch {
		case i < len(header)-5:
			e.Record = append(e.Record, metrics.Field{Name: name, Value: cells[i]})
		case name == "_column":
			e.Column = cells[i]
		case name == "_code":
			e.Code = ingest.Code(cells[i])
		case name == "_message":
			e.Message = cells[i]
		}
	}
	return e
}
