package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// readAs is how the server understood a file.
type readAs struct {
	Format       string   `json:"format"`
	Delimiter    string   `json:"delimiter"`
	Encoding     string   `json:"encoding"`
	EncodingHint string   `json:"encoding_hint"`
	DateOrder    string   `json:"date_order"`
	TimeZone     string   `json:"time_zone"`
	TimeForms    []string `json:"time_forms"`
	SkippedLines int64    `json:"skipped_lines"`
	HeaderLine   int64    `json:"header_line"`
}

// The words for values of readAs. Other values are shown as they are.
var (
	delimiterWords = map[string]string{",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
	orderWords     = map[string]string{"dmy": "day first", "mdy": "month first", "": "not known"}
	formWords      = map[string]string{
		"iso_zoned": "2025-11-08T09:00:00Z", "iso_local": "2025-11-08 09:00:00", "iso_date": "2025-11-08", "compact": "20251108",
		"unix_s": "Unix time in seconds", "unix_ms": "Unix time in milliseconds",
		"unix_us": "Unix time in microseconds", "unix_ns": "Unix time in nanoseconds",
	}
	numericWords = map[string]string{"dmy": "31/12/2025 (day first)", "mdy": "12/31/2025 (month first)"}
)

func word(words map[string]string, value string) string {
	return texttable.Plain(cmp.Or(words[value], value))
}

// line describes it in one line.
func (a *readAs) line() string {
	format := "NDJSON"
	if a.Format == "csv" {
		format = "CSV with " + word(delimiterWords, a.Delimiter)
	}
	parts := []string{format, strings.ToUpper(texttable.Plain(a.Encoding))}
	if a.HeaderLine > 1 {
		header := fmt.Sprintf("header on line %d", a.HeaderLine)
		if a.SkippedLines > 0 {
			header += fmt.Sprintf(" (%s before it skipped)", count(a.SkippedLines, "line"))
		}
		parts = append(parts, header)
	}
	if len(a.TimeForms) > 0 {
		forms := make([]string, len(a.TimeForms))
		for i, form := range a.TimeForms {
			forms[i] = word(formWords, form)
			if form == "numeric" {
				forms[i] = word(numericWords, a.DateOrder)
			}
		}
		parts = append(parts, "time stamps like "+strings.Join(forms, " and "))
	}
	if a.TimeZone != "" {
		parts = append(parts, "those without a zone read as "+texttable.Plain(a.TimeZone))
	}
	return strings.Join(parts, ", ")
}

// printReading prints how a file was understood and what is suspicious about it.
// The answer for an archived batch does not say. If the file is stored, another
// reading of it must replace the batch.
func (u *uploader) printReading(a *readAs, warnings []rowWarning, stored bool) {
	if a != nil {
		u.t.print("  read as: %s\n", a.line())
	}
	replace := ""
	if stored {
		replace = " -replace"
	}
	for i := range warnings {
		u.t.print("  warning: %s\n", texttable.Plain(warnings[i].line(replace)))
	}
	if a != nil && a.EncodingHint != "" {
		hint := texttable.Plain(a.EncodingHint)
		u.t.print("  warning: some text is not UTF-8 and seems to be %s; if so, repeat the command with -encoding %s%s\n", hint, hint, replace)
	}
}

// line describes a warning in one line. The flags in replace are added to those
// that it recommends.
func (w *rowWarning) line(replace string) string {
	switch {
	case w.Code == "time_without_zone":
		return fmt.Sprintf("no time zone in %s, first on line %d; read as UTC. If that is wrong, repeat the command with "+
			"-zone local%s (the zone of this machine) or -zone NAME%s, such as Europe/Berlin", count(w.Count, "row"), w.Line, replace, replace)
	case w.Code == "many_rejected" && w.Line > 0:
		return fmt.Sprintf("%s, first on line %d", w.Message, w.Line)
	case w.Code == "many_rejected":
		return w.Message
	}
	message := w.Message
	if w.Column != "" && !strings.Contains(message, w.Column) {
		message = w.Column + ": " + message
	}
	if w.Line == 0 {
		return fmt.Sprintf("%s (%s)", message, count(w.Count, "row"))
	}
	return fmt.Sprintf("%s (%s, first on line %d)", message, count(w.Count, "row"), w.Line)
}
