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

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli/client"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/settings"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// Metrics prints the metrics of a running server.
func Metrics(ctx context.Context, t *Terminal, args []string) error {
	query := url.Values{}
	var format string
	c, rest, err := connect("refserver metrics", t, args,
		parameter(query, "from", "from", "first `date`, 2006-01-02"),
		parameter(query, "to", "to", "last `date`"),
		parameter(query, "interval", "interval", "hour, day, week, month or all"),
		parameter(query, "tz", "tz", "`zone` whose calendar counts, such as Asia/Kathmandu"),
		parameter(query, "event_type", "event-type", "only this `type`; may be repeated"),
		parameter(query, "compare", "compare", "also an earlier range: previous_period or previous_year; needs -from and -to"),
		parameter(query, "as_of", "as-of", "as it stood at this `moment`, 2006-01-02T15:04:05Z"),
		parameter(query, "group_by", "group-by", "also by `dimensions`, with commas between them"),
		settings.Setting{Flag: "where", Usage: "only with `dimension=value`; may be repeated", Set: addWhere(query)},
		parameter(query, "top", "top", "only the `N` most frequent types, or groups"),
		settings.Setting{Flag: "other", Switch: true, Usage: "also the sum of the types that -top leaves out", Set: addSwitch(query, "other")},
		settings.Setting{Flag: "finality", Switch: true, Usage: "also how many points are open, pending, settled and sealed", Set: addSwitch(query, "finality")},
		settings.Setting{Flag: "format", Default: "table", Usage: "table, json or csv", Set: oneOf(&format, "table", "json", "csv")})
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
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusNotFound && refused.Code == "" {
		_, err = fmt.Fprintln(t.Err, "no metrics found")
		return err
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", plainError(err))
	}
	return nil
}

// parameter is a setting that goes to the server as it is.
func parameter(query url.Values, name, flag, usage string) settings.Setting {
	return settings.Setting{Flag: flag, Usage: usage, Set: func(v string) error {
		if v != "" {
			query.Add(name, v)
		}
		return nil
	}}
}

// addWhere adds a filter dimension=value.
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

// oneOf takes one of some words.
func oneOf(p *string, words ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(words, v) {
			return fmt.Errorf("%.40q: want one of %v", v, words)
		}
		*p = v
		return nil
	}
}

// copyMetrics hands on an answer as it is; to a screen, or if it is for people,
// without what is not printable.
func copyMetrics(ctx context.Context, t *Terminal, c *client.Client, query url.Values, forPeople bool) error {
	body, err := c.Get(ctx, "metrics", query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	out := t.Out
	if forPeople || t.columns(out) > 0 {
		out = &plainWriter{w: out}
	}
	_, err = io.Copy(out, body)
	return err
}

// plainError is an error whose text is printable.
func plainError(err error) error {
	if text := err.Error(); texttable.Plain(text) != text {
		return errors.New(texttable.Plain(text))
	}
	return err
}
