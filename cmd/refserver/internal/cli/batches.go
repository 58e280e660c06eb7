package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// batchPage is a page of batches.
type batchPage struct {
	Data []struct {
		batchState
		BatchID   string    `json:"batch_id"`
		FileName  string    `json:"file_name"`
		CreatedAt time.Time `json:"created_at"`
		Accepted  int64     `json:"inserted_count"`
		Rejected  int64     `json:"failed_count"`
		ExpiresAt string    `json:"expires_at"`
		Damaged   bool      `json:"damaged"`
	} `json:"data"`
	Next string `json:"next_cursor"`
}

// ListBatches prints the newest batches of a running server.
func ListBatches(ctx context.Context, t *Terminal, args []string) error {
	query := url.Values{}
	var limit int
	c, err := connectOnly("refserver batches", t, args,
		parameter(query, "status", "status", "only batches with this `status`: uploaded, queued, processing, completed or failed; may be repeated"),
		parameter(query, "repairs", "repairs", "only batches that repair the batch with this `id`"),
		config.Setting{Flag: "limit", Default: "20", Usage: "greatest `number` of batches, at most 1000", Set: config.Int(&limit, 1, 1000)})
	if err != nil {
		return err
	}
	query.Set("limit", strconv.Itoa(limit))
	var page batchPage
	if err := c.read(ctx, "batches", query, &page); err != nil {
		return fmt.Errorf("batches: %w", err)
	}
	if len(page.Data) == 0 {
		t.warn("no batches found\n")
		return nil
	}
	id, status := texttable.Column{Head: "batch", Text: true}, texttable.Column{Head: "status", Text: true}
	created, name := texttable.Column{Head: "uploaded (UTC)", Text: true}, texttable.Column{Head: "file", Text: true}
	accepted, rejected := texttable.Column{Head: "accepted"}, texttable.Column{Head: "rejected"}
	waiting := int64(0)
	for _, b := range page.Data {
		id.Add("%s", b.BatchID)
		created.Add("%s", b.CreatedAt.UTC().Format(time.DateTime))
		if b.Damaged {
			b.Status += ", damaged"
		}
		status.Add("%s", b.Status)
		accepted.Add("%d", b.Accepted)
		rejected.Add("%d", b.Rejected)
		name.Add("%s", b.FileName)
		if b.ExpiresAt != "" {
			waiting++
		}
	}
	t.print("%s", texttable.Format(id, created, status, accepted, rejected, name))
	if page.Next != "" {
		t.print("(and older ones)\n")
	}
	if waiting > 0 {
		t.warn("%s not counted yet; refserver process ID counts one\n", count(waiting, "batch"))
	}
	return nil
}

// ProcessBatches processes batches and waits for each.
func ProcessBatches(ctx context.Context, t *Terminal, args []string) error {
	c, ids, err := connectTo("refserver process [flags] ID...", "id of a batch", t, args)
	if err != nil {
		return err
	}
	u := &uploader{t: t, client: c, retries: 5}
	return each(t, "process", ids, func(id string) error {
		err := c.send(ctx, http.MethodPost, "batches/"+url.PathEscape(id)+"/process")
		if refused, ok := errors.AsType[*serverError](err); err != nil && (!ok || refused.Code != "conflict") { // else it is queued or done
			return err
		}
		p := startProgress(t, id, 0)
		status, err := u.wait(ctx, p, &uploadResult{BatchID: id})
		p.stop()
		if err == nil {
			t.print("%s: %s\n", texttable.Plain(id), status)
		}
		return err
	})
}

// RepairFile writes the repair file of a batch: its rejected rows, to be corrected and
// uploaded.
func RepairFile(ctx context.Context, t *Terminal, args []string) error {
	c, ids, err := connectTo("refserver errors [flags] ID > repair.csv", "id of a batch", t, args)
	if err != nil {
		return err
	}
	if len(ids) > 1 {
		return errors.New("errors: name one batch: each has a file of its own")
	}
	body, err := c.get(ctx, "batches/"+url.PathEscape(ids[0])+"/errors", nil)
	if err != nil {
		return fmt.Errorf("errors: %w", err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	out := t.Out
	if t.columns(out) > 0 { // a screen, which the rows of others must not control
		out = &plainWriter{w: out}
	}
	if _, err := io.Copy(out, body); err != nil {
		return fmt.Errorf("errors: %w", err)
	}
	t.warn("correct the rows, then: refserver upload -repairs %s repair.csv\n", texttable.Plain(ids[0]))
	return nil
}

// DeleteBatches deletes batches and their counts.
func DeleteBatches(ctx context.Context, t *Terminal, args []string) error {
	c, ids, err := connectTo("refserver delete [flags] ID...", "id of a batch", t, args)
	if err != nil {
		return err
	}
	return each(t, "delete", ids, func(id string) error {
		if err := c.deleteBatch(ctx, id); err != nil {
			return err
		}
		t.print("%s: deleted\n", texttable.Plain(id))
		return nil
	})
}

// each calls do with each of some ids, prints its errors, and returns how many
// there were.
func each(t *Terminal, command string, ids []string, do func(id string) error) error {
	failed := 0
	for _, id := range ids {
		if err := do(id); err != nil {
			failed++
			t.print("%s: FAILED: %s\n", texttable.Plain(id), texttable.Plain(err.Error()))
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s: %d of %d failed", command, failed, len(ids))
	}
	return nil
}
