package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// wait waits until a batch is processed, unless it is only to be stored. It returns
// the status of the batch, and an error if it is not completed.
func (u *uploader) wait(ctx context.Context, p *progress, r *uploadResult) (status string, err error) {
	switch {
	case u.store:
		return r.Status, nil
	case r.ProcessError != "":
		return r.Status, errors.New(r.ProcessError)
	}
	p.say(func() string { return "processing" })
	status = r.Status
	misses := 0 // consecutive requests that failed
	for pause := 20 * time.Millisecond; status != "completed"; pause = min(2*pause, time.Second) {
		if err := sleep(ctx, pause); err != nil {
			return status, err
		}
		b, err := u.client.batch(ctx, r.BatchID)
		switch {
		case err != nil && misses >= u.retries:
			return status, fmt.Errorf("cannot tell whether it is processed: %w", err)
		case err != nil:
			misses++
			continue
		case b.Status == "failed":
			return b.Status, errors.New(b.LastError)
		}
		status, misses = b.Status, 0
	}
	return status, nil
}

// print prints the result of an upload.
func (u *uploader) print(name string, r *uploadResult, status string) {
	note := ""
	switch {
	case r.Replaced != "":
		note = fmt.Sprintf(" (in place of batch %s, which is deleted)", texttable.Plain(r.Replaced))
	case r.Replayed || r.DuplicateOf != "":
		note = " (already uploaded; use -allow-duplicate to upload it again)"
	}
	u.t.print("%s: batch %s, %s, %s%s\n",
		texttable.Plain(name), texttable.Plain(r.BatchID), u.rowsOf(r), texttable.Plain(status), note)
	u.printReading(r.ReadAs, r.Warnings, true)
	if status == "uploaded" {
		u.t.print("  NOT COUNTED yet: refserver process %s\n", texttable.Plain(r.BatchID))
		if r.ExpiresAt != "" {
			u.t.print("  it is removed after %s otherwise\n", texttable.Plain(r.ExpiresAt))
		}
	}
	if r.Rejected == 0 {
		return
	}
	u.files++
	u.rows += r.Rejected
	u.printRows(r.Rows, r.Rejected)
	u.t.print("  repair file: refserver errors %s > repair.csv\n", texttable.Plain(r.BatchID))
}

// rowsOf returns the counts of rows.
func (u *uploader) rowsOf(r *uploadResult) string {
	text := fmt.Sprintf("%d accepted, %d rejected", r.Accepted, r.Rejected)
	if u.query.Has("dedupe") || r.Duplicates > 0 {
		text += fmt.Sprintf(", %d duplicates skipped", r.Duplicates)
	}
	return text
}

// printDryRun prints the result of a dry run.
func (u *uploader) printDryRun(name string, r *uploadResult) {
	u.t.print("%s: dry run, nothing stored: %s\n", texttable.Plain(name), u.rowsOf(r))
	u.printReading(r.ReadAs, r.Warnings, false)
	for _, g := range r.Groups {
		u.t.print("  %d x %s, first on line %d: %s\n", g.Count, texttable.Plain(g.Sample.Code), g.Sample.Line, texttable.Plain(g.Sample.Reason))
	}
	if r.DuplicateOf != "" {
		u.t.print("  batch %s has the same content: the upload would store nothing\n", texttable.Plain(r.DuplicateOf))
	}
	if len(r.Changes) == 0 {
		u.t.print("  no metric would change\n")
		return
	}
	date, kind := texttable.Column{Head: "date", Text: true}, texttable.Column{Head: "event type", Text: true}
	before, change, after := texttable.Column{Head: "before"}, texttable.Column{Head: "change"}, texttable.Column{Head: "after"}
	for _, c := range r.Changes {
		date.Add("%s", c.Date)
		kind.Add("%s", c.Type)
		before.Add("%d", c.Before)
		change.Add("%+d", c.After-c.Before)
		after.Add("%d", c.After)
	}
	u.t.print("%s", texttable.Format(date, kind, before, change, after))
	if more := r.ChangeCount - len(r.Changes); more > 0 {
		u.t.print("(and %s)\n", count(int64(more), "more change"))
	}
}

// printRows prints rejected rows by code, the most frequent code first.
func (u *uploader) printRows(rows []rowError, all int64) {
	type group struct {
		n     int
		first rowError
	}
	groups := map[string]*group{}
	var codes []string
	for _, r := range rows {
		if groups[r.Code] == nil {
			groups[r.Code] = &group{first: r}
			codes = append(codes, r.Code)
		}
		groups[r.Code].n++
	}
	slices.SortStableFunc(codes, func(a, b string) int { return groups[b].n - groups[a].n })
	var text strings.Builder
	for _, code := range codes {
		g := groups[code]
		fmt.Fprintf(&text, "  %d x %s, first on line %d: %s\n", g.n, texttable.Plain(code), g.first.Line, texttable.Plain(g.first.Reason))
	}
	if n := int64(len(rows)); 0 < n && n < all {
		fmt.Fprintf(&text, "  (of the first %d of %d rejected rows)\n", n, all)
	}
	u.t.print("%s", text.String())
}
