package client

import (
	"context"
	"net/url"
)

// Point is one bucket of a series.
type Point struct {
	Date    string `json:"date"`
	Metrics []struct {
		Type  string `json:"event_type"`
		Count int64  `json:"count"`
	} `json:"metrics"`
}

// Series returns the counts that a query of /metrics selects, by time.
// Errors: *[Error], with status 404 if there are none; [ErrNoServer].
func (c *Client) Series(ctx context.Context, query url.Values) ([]Point, error) {
	var answer struct {
		Data []Point `json:"data"`
	}
	err := c.get(ctx, "metrics", query, &answer)
	return answer.Data, err
}
