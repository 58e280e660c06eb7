package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli/client"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// wait waits for a batch to be processed, if it is to be. It returns its
// status, and an error if it is not completed.
func (u *uploader) wait(ctx context.Context, p *progress, r *client.Receipt) (status string, err error) {
	switch {
	case !u.process:
		return r.Status, nil
	case r.ProcessError != "":
		return r.Status, errors.New(r.ProcessError)
	}
	p.say(func() string { return "processing" })
	status = r.Status
	misses := 0 // answers that did not come, one after the other
	for pause := 20 * time.Millisecond; status != "completed"; pause = min(2*pause, time.Second) {
		if err := sleep(ctx, pause); err != nil {
			return status, err
		}
		b, err := u.client.Batch(ctx, r.BatchID)
		switch {
		case err != nil && misses >= u.retries:
			return status, fmt.Errorf("it may be yet: %w", err)
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

// print prints what became of a file.
func (u *uploader) print(name string, r *client.Receipt, status string) {
	note := ""
	if r.Replayed || r.DuplicateOf != "" {
		note = " (was there already; -allow-duplicate uploads it once more)"
	}
	u.t.print("%s: batch %s, %s, %s%s\n",
		texttable.Plain(name), texttable.Plain(r.BatchID), u.rowsOf(r), texttable.Plain(status), note)
	for _, w := range r.Warnings {
		u.t.print("  warning: %s: %s, first on line %d\n", texttable.Plain(w.Message), count(w.Count, "row"), w.Line)
	}
	if r.Failed == 0 {
		return
	}
	u.files++
	u.rows += r.Failed
	u.printRows(r.Rows, r.Failed)
	u.t.print("  repair file: %s\n", u.client.URL("batches", r.BatchID, "errors"))
}

// rowsOf counts the rows of a file.
func (u *uploader) rowsOf(r *client.Receipt) string {
	text := fmt.Sprintf("%d inserted, %d failed", r.Inserted, r.Failed)
	if u.query.Has("dedupe") || r.Duplicates > 0 {
		text += fmt.Sprintf(", %d duplicate", r.Duplicates)
	}
	return text
}

// printDryRun prints what would become of a file.
func (u *uploader) printDryRun(name string, r *client.Receipt) {
	u.t.print("%s: dry run, would be %s\n", texttable.Plain(name), u.rowsOf(r))
	for _, g := range r.Groups {
		u.t.print("  %d x %s, first on line %d: %s\n", g.Count, texttable.Plain(g.Sample.Code), g.Sample.Line, texttable.Plain(g.Sample.Reason))
	}
	if r.DuplicateOf != "" {
		u.t.print("  its content is that of batch %s, so that nothing would be stored\n", texttable.Plain(r.DuplicateOf))
	}
	if len(r.Changes) == 0 {
		u.t.print("  nothing would change\n")
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
	u.t.print("%s", texttable.Lines(date, kind, before, change, after))
	if more := r.AllChanges - len(r.Changes); more > 0 {
		u.t.print("(and %s)\n", count(int64(more), "more change"))
	}
}

// printRows prints rejected rows by their code, the most frequent first.
func (u *uploader) printRows(rows []client.RowError, all int64) {
	type group struct {
		n     int
		first client.RowError
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
