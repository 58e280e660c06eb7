package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// client sends requests to a server.
type client struct{ url, token string }

// request is an upload.
type request struct{ query, contentType, body string }

// answer has the members of all answers to an upload.
type answer struct {
	BatchID     string `json:"batch_id"`
	Accepted    int    `json:"inserted_count"`
	Rejected    int    `json:"failed_count"`
	DuplicateOf string `json:"duplicate_of"`
	Status      any    `json:"status"` // of the batch or of the error
	Warnings    []struct {
		Code string `json:"code"`
	} `json:"warnings"`
	DryRun  bool `json:"dry_run"`
	Changes []struct {
		Date       string `json:"date"`
		Type       string `json:"event_type"`
		Difference int    `json:"difference"`
	} `json:"changes"`
	Code string `json:"code"`
}

// upload sends a file, waits until it is counted, and describes what the server
// did. It returns the id of the batch if one was stored.
func (c *client) upload(ctx context.Context, r *request) (what, stored string, err error) {
	before, err := c.metrics(ctx)
	if err != nil {
		return "", "", err
	}
	var a answer
	status, err := c.do(ctx, http.MethodPost, "/uploads?process=true&"+r.query, r.contentType, r.body, &a)
	if err != nil {
		return "", "", err
	}
	if status/100 != 2 {
		return fmt.Sprintf("%d %s", status, a.Code), "", nil
	}
	if status == http.StatusCreated {
		stored = a.BatchID
	}
	changes := map[string]int{}
	if a.DryRun {
		for _, d := range a.Changes {
			changes[d.Date+" "+d.Type] = d.Difference
		}
	} else {
		if a.Status != "completed" {
			return fmt.Sprintf("the batch is %v", a.Status), stored, nil
		}
		after, err := c.metrics(ctx)
		if err != nil {
			return "", stored, err
		}
		for key, n := range after {
			if n != before[key] {
				changes[key] = n - before[key]
			}
		}
	}
	return a.describe(changes), stored, nil
}

// describe returns rows, warnings and changes in one line.
func (a *answer) describe(changes map[string]int) string {
	if a.DuplicateOf != "" {
		return "duplicate"
	}
	parts := []string{fmt.Sprintf("%d accepted, %d rejected", a.Accepted, a.Rejected)}
	var codes, counts []string
	for _, w := range a.Warnings {
		codes = append(codes, w.Code)
	}
	for key, n := range changes {
		counts = append(counts, fmt.Sprintf("%s %+d", key, n))
	}
	for _, list := range [][]string{codes, counts} {
		if slices.Sort(list); len(list) > 0 {
			parts = append(parts, strings.Join(list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// metrics returns all counts by day and event type.
func (c *client) metrics(ctx context.Context) (map[string]int, error) {
	var all struct {
		Data []struct {
			Date    string `json:"date"`
			Metrics []struct {
				Type  string `json:"event_type"`
				Count int    `json:"count"`
			} `json:"metrics"`
		} `json:"data"`
	}
	status, err := c.do(ctx, http.MethodGet, "/metrics", "", "", &all)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK && status != http.StatusNotFound {
		return nil, fmt.Errorf("GET /metrics: status %d", status)
	}
	counts := map[string]int{}
	for _, d := range all.Data {
		for _, m := range d.Metrics {
			counts[d.Date+" "+m.Type] = m.Count
		}
	}
	return counts, nil
}

// status returns the status of an answer, and its code if that is an error.
func (c *client) status(ctx context.Context, path string) (string, error) {
	var a answer
	status, err := c.do(ctx, http.MethodGet, path, "", "", &a)
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, a.Code)), err
}

// remove deletes a batch.
func (c *client) remove(ctx context.Context, id string) error {
	status, err := c.do(ctx, http.MethodDelete, "/batches/"+id, "", "", nil)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("delete batch %s: status %d", id, status)
	}
	return err
}

// do sends a request and decodes the answer, unless into is nil.
func (c *client) do(ctx context.Context, method, path, contentType, body string, into any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.url, "/")+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Prefer", "wait=30")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || into == nil {
		return res.StatusCode, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return res.StatusCode, fmt.Errorf("%s %s: status %d: %.200s", method, path, res.StatusCode, text)
	}
	return res.StatusCode, nil
}
