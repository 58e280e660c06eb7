package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

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

// ListBatches returns the command that prints the newest batches of a running server.
func ListBatches() Command {
	var at connection
	query := url.Values{}
	return Command{
		Name: "batches", About: "list the newest batches of a running server",
		Settings: at.settings(
			parameter(query, "status", "status", "only batches with this `status`: uploaded, queued, processing, completed or failed; may be repeated", nil).Among("uploaded", "queued", "processing", "completed", "failed"),
			parameter(query, "repairs", "repairs", "only batches that repair the batch with this `id`", nil),
			parameter(query, "limit", "limit", "greatest `number` of batches, at most 1000; by default 20", wholeNumber(1, 1000))),
		Run: at.toServer(func(ctx context.Context, t *Terminal, c *client, _ []string) error {
			if !query.Has("limit") {
				query.Set("limit", "20")
			}
			return c.listBatches(ctx, t, query)
		}),
	}
}

func (c *client) listBatches(ctx context.Context, t *Terminal, query url.Values) error {
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

// ProcessBatches returns the command that processes batches and waits for each.
func ProcessBatches() Command {
	var at connection
	return Command{
		Name: "process", About: "process batches, so that they count", Args: "ID...", Least: 1, Most: -1,
		Settings: at.settings(), Run: at.toServer(processBatches),
	}
}

func processBatches(ctx context.Context, t *Terminal, c *client, ids []string) error {
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

// RepairFile returns the command that writes the repair file of a batch: its rejected
// rows, to be corrected and uploaded.
func RepairFile() Command {
	var at connection
	return Command{
		Name: "errors", About: "write the rejected rows of a batch as a file to correct", Args: "ID > repair.csv", Least: 1, Most: 1,
		Settings: at.settings(), Run: at.toServer(repairFile),
	}
}

func repairFile(ctx context.Context, t *Terminal, c *client, ids []string) error {
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

// DeleteBatches returns the command that deletes batches and their counts.
func DeleteBatches() Command {
	var at connection
	return Command{
		Name: "delete", About: "delete batches and their counts", Args: "ID...", Least: 1, Most: -1,
		Settings: at.settings(), Run: at.toServer(deleteBatches),
	}
}

func deleteBatches(ctx context.Context, t *Terminal, c *client, ids []string) error {
	return each(t, "delete", ids, func(id string) error {
		if err := c.deleteBatch(ctx, id); err != nil {
			return err
		}
		t.print("%s: deleted\n", texttable.Plain(id))
		return nil
	})
}

// each calls do with each of some ids, prints its errors, and returns how many
// there were. It ends when no server answers.
func each(t *Terminal, command string, ids []string, do func(id string) error) error {
	failed := 0
	for _, id := range ids {
		err := do(id)
		if _, away := unreachable(err); away {
			return fmt.Errorf("%s: %w; at %s", command, err, texttable.Plain(id))
		}
		if err != nil {
			failed++
			t.print("%s: FAILED: %s\n", texttable.Plain(id), texttable.Plain(err.Error()))
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s: %d of %d failed", command, failed, len(ids))
	}
	return nil
}
