package ratelimit_test

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

func ExampleDecision_WriteHeader() {
	d := ratelimit.Decision{Limit: 1, Window: time.Minute, ResetAfter: 41_200 * time.Millisecond}
	h := http.Header{}
	d.WriteHeader(h)
	fmt.Println(h.Get("RateLimit-Policy"))
	fmt.Println(h.Get("RateLimit"))
	fmt.Println(h.Get("Retry-After"))
	// Output:
	// "default";q=1;w=60
	// "default";r=0;t=42
	// 42
}

func TestWriteHeader(t *testing.T) {
	tests := []struct {
		name                 string
		d                    ratelimit.Decision
		policy, limit, retry string
	}{
		{
			"an allowed request has no Retry-After",
			ratelimit.Decision{Allowed: true, Limit: 10, Remaining: 9, ResetAfter: time.Minute, Window: time.Minute},
			`"default";q=10;w=60`, `"default";r=9;t=60`, "",
		},
		{
			"parts of a second are rounded up",
			ratelimit.Decision{Limit: 10, ResetAfter: 2*time.Second + 1, Window: 2500 * time.Millisecond},
			`"default";q=10;w=3`, `"default";r=0;t=3`, "3",
		},
		{
			"a denied request waits at least a second",
			ratelimit.Decision{Limit: 1, ResetAfter: 1, Window: 20 * time.Millisecond},
			`"default";q=1;w=1`, `"default";r=0;t=1`, "1",
		},
		{
			"a denial without a time waits a second",
			ratelimit.Decision{},
			"", "", "1",
		},
		{
			"no limit is no field",
			ratelimit.Decision{Allowed: true},
			"", "", "",
		},
		{
			"large numbers stay within the Integer of structured fields",
			ratelimit.Decision{Limit: math.MaxInt64, Remaining: math.MaxInt64, ResetAfter: math.MaxInt64, Window: math.MaxInt64},
			`"default";q=999999999999999;w=9223372037`, `"default";r=999999999999999;t=9223372037`, "9223372037",
		},
		{
			"negative numbers are not written",
			ratelimit.Decision{Allowed: true, Limit: 1, Remaining: -1, ResetAfter: -time.Hour, Window: time.Minute},
			`"default";q=1;w=60`, `"default";r=0;t=1`, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			tt.d.WriteHeader(h)
			want := []string{tt.policy, tt.limit, tt.retry}
			got := []string{h.Get("RateLimit-Policy"), h.Get("RateLimit"), h.Get("Retry-After")}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteHeaderTwiceOverwrites(t *testing.T) {
	h := http.Header{}
	d := ratelimit.Decision{Limit: 1, ResetAfter: time.Second, Window: time.Second}
	d.WriteHeader(h)
	d.WriteHeader(h)
	for name, values := range h {
		if len(values) != 1 {
			t.Errorf("%s has %d lines, want 1", name, len(values))
		}
	}
}

func FuzzWriteHeader(f *testing.F) {
	f.Add(true, int64(1), int64(0), int64(time.Second), int64(time.Minute))
	f.Add(false, int64(math.MaxInt64), int64(math.MinInt64), int64(math.MinInt64), int64(math.MaxInt64))
	field := regexp.MustCompile(`^"default";[qr]=\d{1,15};[wt]=[1-9]\d{0,14}$`)
	f.Fuzz(func(t *testing.T, allowed bool, limit, remaining, reset, window int64) {
		d := ratelimit.Decision{
			Allowed: allowed, Limit: limit, Remaining: remaining,
			ResetAfter: time.Duration(reset), Window: time.Duration(window),
		}
		h := http.Header{}
		d.WriteHeader(h)
		for _, name := range []string{"RateLimit-Policy", "RateLimit"} {
			if v := h.Get(name); v != "" && !field.MatchString(v) {
				t.Errorf("%s: %s is not a structured field", name, v)
			}
		}
		if retry := h.Get("Retry-After"); (retry == "") != allowed {
			t.Errorf("allowed %v with Retry-After %q", allowed, retry)
		}
	})
}
