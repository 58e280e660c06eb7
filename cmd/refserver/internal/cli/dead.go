package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// deadPath is the path of the dead letters.
const deadPath = "admin/queues/event-processing/dlq"

// deadPage is a page of dead letters.
type deadPage struct {
	Count int64 `json:"failed_count"`
	Jobs  []struct {
		ID       string `json:"id"`
		Reason   string `json:"failedReason"`
		Died     int64  `json:"timestamp"` // ms since 1970
		Attempts int    `json:"attempts"`
	} `json:"jobs"`
	Next string `json:"next_cursor"`
}

// DeadLetters returns the command that lists the dead letters of a running server,
// and retries or discards them.
func DeadLetters() Command {
	var at connection
	return Command{
		Name: "dead", About: "list, retry or discard the jobs that failed for good",
		Args: "[list | retry [JOB...] | discard JOB...]", Most: -1, Actions: []string{"list", "retry", "discard"},
		Settings: at.settings(), Run: at.toServer(deadLetters),
	}
}

func deadLetters(ctx context.Context, t *Terminal, c *client, words []string) error {
	action, jobs := "list", []string(nil)
	if len(words) > 0 {
		action, jobs = words[0], words[1:]
	}
	path := func(job string) string { return deadPath + "/" + url.PathEscape(job) }
	switch {
	case action == "list" && len(jobs) == 0:
		return c.listDead(ctx, t)
	case action == "retry" && len(jobs) == 0:
		if err := c.send(ctx, http.MethodPost, deadPath+"/retry"); err != nil {
			return fmt.Errorf("dead: %w", err)
		}
		t.print("all queued again\n")
		return nil
	case action == "retry":
		return each(t, "dead", jobs, func(job string) error {
			err := c.send(ctx, http.MethodPost, path(job)+"/retry")
			if err == nil {
				t.print("%s: queued again\n", texttable.Plain(job))
			}
			return err
		})
	case action == "discard" && len(jobs) > 0:
		return each(t, "dead", jobs, func(job string) error {
			err := c.send(ctx, http.MethodDelete, path(job))
			if err == nil {
				t.print("%s: discarded\n", texttable.Plain(job))
			}
			return err
		})
	}
	return Usagef("dead: want list, retry, retry JOB... or discard JOB...")
}

func (c *client) listDead(ctx context.Context, t *Terminal) error {
	id, died := texttable.Column{Head: "job", Text: true}, texttable.Column{Head: "died (UTC)", Text: true}
	attempts, reason := texttable.Column{Head: "attempts"}, texttable.Column{Head: "error", Text: true}
	page := deadPage{}
	if err := c.read(ctx, deadPath, url.Values{"limit": {"1000"}}, &page); err != nil {
		return fmt.Errorf("dead: %w", err)
	}
	if len(page.Jobs) == 0 {
		t.warn("no dead letters\n")
		return nil
	}
	for _, j := range page.Jobs {
		id.Add("%s", j.ID)
		died.Add("%s", time.UnixMilli(j.Died).UTC().Format(time.DateTime))
		attempts.Add("%d", j.Attempts)
		reason.Add("%s", j.Reason)
	}
	t.print("%s", texttable.Format(id, died, attempts, reason))
	if more := page.Count - int64(len(page.Jobs)); more > 0 {
		t.print("(and %d more)\n", more)
	}
	return nil
}
