package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// parameter returns a setting that is sent to the server. Check returns what is
// wrong with a value, so that a mistake is known before anything is sent; nil
// leaves that to the server.
func parameter(query url.Values, name, flag, usage string, check func(string) error) config.Setting {
	return config.Setting{Flag: flag, Usage: usage, Set: func(v string) error {
		if v == "" {
			return nil
		}
		if check != nil {
			if err := check(v); err != nil {
				return err
			}
		}
		query.Add(name, v)
		return nil
	}}
}

// switchParameter returns a switch that is sent to the server.
func switchParameter(query url.Values, name, usage string) config.Setting {
	return config.Setting{Flag: name, Switch: true, Usage: usage, Set: func(v string) error {
		if v != "" {
			query.Set(name, v)
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

func date(v string) error {
	if _, err := time.Parse(time.DateOnly, v); err != nil {
		return fmt.Errorf("%.40q: want a date such as 2006-01-02", v)
	}
	return nil
}

func timeStamp(v string) error {
	if _, err := time.Parse(time.RFC3339, v); err != nil {
		return fmt.Errorf("%.40q: want a time such as 2006-01-02T15:04:05Z", v)
	}
	return nil
}

func zoneName(v string) error {
	if _, err := time.LoadLocation(v); err != nil || v == "Local" {
		return fmt.Errorf("%.40q: unknown time zone; want a name such as Europe/Berlin", v)
	}
	return nil
}

func wholeNumber(least, most int) func(string) error {
	var n int
	return config.Int(&n, least, most)
}

// share accepts a number from 0 to 1.
func share(v string) error {
	if f, err := strconv.ParseFloat(v, 64); err != nil || f < 0 || f > 1 || f != f {
		return fmt.Errorf("%.40q: want a share from 0 to 1, such as 0.05", v)
	}
	return nil
}
