package ingest

import (
	"bytes"
	"iter"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// RepairLine is a line of a repair file.
type RepairLine struct {
	// Text is the line with its line end. It is valid until the next line.
	Text []byte
	// Header means that this is the header line. Its Row has a Record with the
	// names of the columns.
	Header bool
	// Row is the rejected row, as far as the file has it: all but Line and Value.
	// Its strings stay valid.
	Row RowError
}

// RepairLines returns the lines of a file that a [RepairWriter] has written,
// which may come in chunks of any size. One line is in memory at a time. An
// error of the chunks ends the lines.
func RepairLines(chunks iter.Seq2[[]byte, error]) iter.Seq2[RepairLine, error] {
	return func(yield func(RepairLine, error) bool) {
		var header []string
		for text, err := range csvLines(chunks) {
			if err != nil {
				yield(RepairLine{}, err)
				return
			}
			line := RepairLine{Text: text, Header: header == nil}
			if cells := splitCells(text); line.Header {
				header = cells
				for _, name := range header {
					line.Row.Record = append(line.Row.Record, metrics.Field{Name: name})
				}
			} else {
				line.Row = repairRow(header, cells)
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// csvLines splits CSV into lines. A line end in quotes does not end a line.
func csvLines(chunks iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
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
func splitCells(line []byte) (cells []string) {
	rest := strings.TrimSuffix(string(line), "\n")
	for {
		var cell string
		cell, rest = cutCell(rest)
		cells = append(cells, unprotect(cell))
		if rest == "" {
			return cells
		}
		rest = rest[1:] // the comma
	}
}

// cutCell returns the first value of a line, and the rest from the comma on.
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

// repairRow returns the rejected row that a line describes.
func repairRow(header, cells []string) RowError {
	var e RowError
	columns := len(header) - len(repairNames())
	for i, name := range header[:min(len(header), len(cells))] {
		switch {
		case i < columns:
			e.Record = append(e.Record, metrics.Field{Name: name, Value: cells[i]})
		case name == "_row":
			e.Row, _ = strconv.ParseInt(cells[i], 10, 64)
		case name == "_column":
			e.Column = cells[i]
		case name == "_code":
			e.Code = Code(cells[i])
		case name == "_message":
			e.Message = cells[i]
		}
	}
	return e
}
