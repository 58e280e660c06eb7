package config

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Text accepts any value.
func Text(p *string) func(string) error {
	return func(v string) error { *p = v; return nil }
}

// Bool accepts true and false.
func Bool(p *bool) func(string) error {
	return func(v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%.40q: want true or false", v)
		}
		*p = b
		return nil
	}
}

// Int accepts whole numbers from least to most.
func Int[T int | int64](p *T, least, most T) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < int64(least) || n > int64(most) {
			return fmt.Errorf("%.40q: want a whole number from %d to %d", v, least, most)
		}
		*p = T(n)
		return nil
	}
}

// Seconds accepts a whole number of seconds, at least least.
func Seconds(p *time.Duration, least int64) func(string) error {
	return func(v string) error {
		var n int64
		if err := Int(&n, least, math.MaxInt32)(v); err != nil {
			return err
		}
		*p = time.Duration(n) * time.Second
		return nil
	}
}

// Period accepts a duration such as 36h, a whole number of days such as 90d,
// and 0.
func Period(p *time.Duration) func(string) error {
	return func(v string) error {
		const day = 24 * time.Hour
		if days, ok := strings.CutSuffix(v, "d"); ok {
			var n int64
			if Int(&n, 1, int64(math.MaxInt64/day))(days) == nil {
				*p = time.Duration(n) * day
				return nil
			}
		}
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return fmt.Errorf("%.40q: want a duration such as 90d or 36h, or 0", v)
		}
		*p = d
		return nil
	}
}

// HostPort accepts host:port, and off for the empty address.
func HostPort(p *string) func(string) error {
	return func(v string) error {
		if v == "off" {
			*p = ""
			return nil
		}
		if _, _, err := net.SplitHostPort(v); err != nil {
			return fmt.Errorf("%.40q: want host:port, or off", v)
		}
		*p = v
		return nil
	}
}

// Level accepts debug, info, warn and error.
func Level(p *slog.Level) func(string) error {
	return func(v string) error {
		if err := p.UnmarshalText([]byte(v)); err != nil {
			return fmt.Errorf("%.40q: want debug, info, warn or error", v)
		}
		return nil
	}
}
