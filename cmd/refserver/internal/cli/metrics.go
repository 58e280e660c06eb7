package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// Metrics prints the metrics of a running server.
func Metrics(ctx context.Context, t *Terminal, args []string) error {
	query := url.Values{}
	var format string
	c, rest, err := connect("refserver metrics", t, args,
		parameter(query, "from", "from", "first `date`, 2006-01-02"),
		parameter(query, "to", "to", "last `date`"),
		parameter(query, "interval", "interval", "length of a period: hour, day, week, month or all (default day)"),
		parameter(query, "tz", "tz", "time `zone` of dates and hours, such as Asia/Kathmandu"),
		parameter(query, "event_type", "event-type", "only this event `type`; may be repeated"),
		parameter(query, "compare", "compare", "compare to previous_period or previous_year; needs -from and -to"),
		parameter(query, "as_of", "as-of", "the metrics as of an earlier `time`, 2006-01-02T15:04:05Z"),
		parameter(query, "group_by", "group-by", "comma-separated `dimensions` to group by"),
		config.Setting{Flag: "where", Usage: "only events with `dimension=value`; may be repeated", Set: addWhere(query)},
		parameter(query, "top", "top", "only the `N` most frequent event types or groups"),
		config.Setting{Flag: "other", Switch: true, Usage: "add a row for the sum of all others; needs -top", Set: addSwitch(query, "other")},
		config.Setting{Flag: "finality", Switch: true, Usage: "show how many points are open, pending, settled and sealed", Set: addSwitch(query, "finality")},
		config.Setting{Flag: "format", Default: "table", Usage: "output format: table, json or csv", Set: oneOf(&format, "table", "json", "csv")})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("metrics: unknown argument %.40q", rest[0])
	}
	query.Set("format", format)
	if format == "table" {
		query.Set("format", "text")
		query.Set("columns", strconv.Itoa(min(max(cmp.Or(t.columns(t.Out), defaultColumns), 20), 1000)))
	}
	err = copyMetrics(ctx, t, c, query, format == "table")
	if refused, ok := errors.AsType[*serverError](err); ok && refused.Status == http.StatusNotFound && refused.Code == "" {
		_, err = fmt.Fprintln(t.Err, "no metrics found")
		return err
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", plainError(err))
	}
	return nil
}

// parameter returns a setting that is sent to the server unchanged.
func parameter(query url.Values, name, flag, usage string) config.Setting {
	return config.Setting{Flag: flag, Usage: usage, Set: func(v string) error {
		if v != "" {
			query.Add(name, v)
		}
		return nil
	}}
}

// addWhere accepts a filter dimension=value.
func addWhere(query url.Values) func(string) error {
	return func(v string) error {
		if v == "" {
			return nil
		}
		dimension, value, ok := strings.Cut(v, "=")
		if !ok {
			return fmt.Errorf("%.40q: want dimension=value", v)
		}
		query.Add("where."+dimension, value)
		return nil
	}
}

func addSwitch(query url.Values, name string) func(string) error {
	return func(v string) error {
		if v != "" {
			query.Set(name, v)
		}
		return nil
	}
}

// oneOf accepts one of some words.
func oneOf(p *string, words ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(words, v) {
			return fmt.Errorf("%.40q: want one of %v", v, words)
		}
		*p = v
		return nil
	}
}

// copyMetrics prints an answer. It escapes what is not printable if the output is
// a screen or the answer is a table.
func copyMetrics(ctx context.Context, t *Terminal, c *client, query url.Values, table bool) error {
	body, err := c.get(ctx, "metrics", query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	out := t.Out
	if table || t.columns(out) > 0 {
		out = &plainWriter{w: out}
	}
	_, err = io.Copy(out, body)
	return err
}

// plainError returns an error whose text is printable.
func plainError(err error) error {
	if text := err.Error(); texttable.Plain(text) != text {
		return errors.New(texttable.Plain(text))
	}
	return err
}
