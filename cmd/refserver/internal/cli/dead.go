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
		Failures []struct {
			Attempt int       `json:"attempt"`
			At      time.Time `json:"at"`
			Error   string    `json:"error"`
		} `json:"failures"`
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
	id, at := texttable.Column{Head: "job", Text: true}, texttable.Column{Head: "failed (UTC)", Text: true}
	attempt, reason := texttable.Column{Head: "attempt"}, texttable.Column{Head: "error", Text: true}
	page := deadPage{}
	if err := c.read(ctx, deadPath, url.Values{"limit": {"1000"}}, &page); err != nil {
		return fmt.Errorf("dead: %w", err)
	}
	if len(page.Jobs) == 0 {
		t.warn("no dead letters\n")
		return nil
	}
	for _, j := range page.Jobs {
		for _, f := range j.Failures {
			id.Add("%s", j.ID)
			attempt.Add("%d", f.Attempt)
			at.Add("%s", f.At.UTC().Format(time.DateTime))
			reason.Add("%s", f.Error)
		}
	}
	t.print("%s", texttable.Format(id, attempt, at, reason))
	if more := page.Count - int64(len(page.Jobs)); more > 0 {
		t.print("(and %d more)\n", more)
	}
	return nil
}
