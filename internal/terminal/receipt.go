package terminal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/client"
	"github.com/eventmetrics/eventmetrics/internal/table"
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
	if r.Replayed {
		note = " (was there already; -again uploads it once more)"
	}
	u.t.print("%s: batch %s, %d inserted, %d failed, %s%s\n",
		table.Plain(name), table.Plain(r.BatchID), r.Inserted, r.Failed, table.Plain(status), note)
	if r.Failed == 0 {
		return
	}
	u.files++
	u.rows += r.Failed
	u.printRows(r.Rows, r.Failed)
	u.t.print("  repair file: %s\n", u.client.URL("batches", r.BatchID, "errors"))
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
		fmt.Fprintf(&text, "  %d x %s, first on line %d: %s\n", g.n, table.Plain(code), g.first.Line, table.Plain(g.first.Reason))
	}
	if n := int64(len(rows)); 0 < n && n < all {
		fmt.Fprintf(&text, "  (of the first %d of %d rejected rows)\n", n, all)
	}
	u.t.print("%s", text.String())
}
