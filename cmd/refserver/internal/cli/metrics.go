package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// Metrics returns the command that prints the metrics of a running server.
func Metrics() Command {
	var at connection
	query := url.Values{}
	return Command{
		Name: "metrics", About: "print metrics from a running server",
		Settings: at.settings(
			parameter(query, "from", "from", "first `date`, 2006-01-02", date),
			parameter(query, "to", "to", "last `date`", date),
			parameter(query, "interval", "interval", "length of a `period`: hour, day, week, month or all (default day)", nil).Among("hour", "day", "week", "month", "all"),
			parameter(query, "tz", "tz", "time `zone` of dates and hours, such as Asia/Kathmandu", zoneName),
			parameter(query, "event_type", "event-type", "only this event `type`; may be repeated", nil),
			parameter(query, "compare", "compare", "`what` to compare to: previous_period, previous_month, previous_year or same_weekday; needs -from and -to", nil).
				Among("previous_period", "previous_month", "previous_year", "same_weekday"),
			parameter(query, "as_of", "as-of", "the metrics as of an earlier `time`, 2006-01-02T15:04:05Z", timeStamp),
			parameter(query, "group_by", "group-by", "comma-separated `dimensions` to group by", nil),
			config.Setting{Flag: "where", Usage: "only events with `dimension=value`; may be repeated", Set: addWhere(query)},
			parameter(query, "top", "top", "only the `N` most frequent event types or groups", wholeNumber(1, math.MaxInt32)),
			switchParameter(query, "other", "add a row for the sum of all others; needs -top"),
			switchParameter(query, "finality", "show how many points are open, pending, settled and sealed"),
			parameter(query, "format", "format", "output `format`: table, json or csv (default table)", nil).Among("table", "json", "csv")),
		Run: at.toServer(func(ctx context.Context, t *Terminal, c *client, _ []string) error {
			return c.printMetrics(ctx, t, query)
		}),
	}
}

func (c *client) printMetrics(ctx context.Context, t *Terminal, query url.Values) error {
	table := cmp.Or(query.Get("format"), "table") == "table"
	if table {
		query.Set("format", "text")
		query.Set("columns", strconv.Itoa(min(max(cmp.Or(t.columns(t.Out), defaultColumns), 20), 1000)))
	}
	err := copyMetrics(ctx, t, c, query, table)
	if refused, ok := errors.AsType[*serverError](err); ok && refused.Status == http.StatusNotFound && refused.Code == "" {
		_, err = fmt.Fprintln(t.Err, "no metrics found")
		return err
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", plainError(err))
	}
	return nil
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
