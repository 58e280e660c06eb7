package queue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/queue"
)

func ExamplePermanent() {
	err := fmt.Errorf("process batch: %w", queue.Permanent(errors.New("no such batch")))
	fmt.Println(err, queue.IsPermanent(err))
	// Output: process batch: no such batch true
}

func ExampleParseKey() {
	j, err := queue.ParseKey("process:0198c1")
	fmt.Println(j.Kind, j.ID, err)
	// Output: process 0198c1 <nil>
}

func TestPermanent(t *testing.T) {
	cause := errors.New("cause")
	if err := queue.Permanent(nil); err != nil {
		t.Errorf("Permanent(nil) = %v, want nil", err)
	}
	if queue.IsPermanent(nil) || queue.IsPermanent(cause) {
		t.Error("IsPermanent is true for errors that Permanent did not make")
	}
	err := queue.Permanent(cause)
	if !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("Permanent(cause) = %v, want one that wraps the cause and reads like it", err)
	}
	if !queue.IsPermanent(errors.Join(errors.New("other"), fmt.Errorf("wrapped: %w", err))) {
		t.Error("IsPermanent is false for an error that wraps a permanent one")
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name string
		job  queue.Job
		ok   bool
	}{
		{"the shortest kind and id", queue.Job{Kind: "ab", ID: "1"}, true},
		{"the longest kind and id", queue.Job{Kind: strings.Repeat("a", 32), ID: strings.Repeat("x", 128)}, true},
		{"all characters of a kind", queue.Job{Kind: "a-z_09", ID: "1"}, true},
		{"the first and last characters of an id", queue.Job{Kind: "ab", ID: "!~"}, true},
		{"a colon in the id", queue.Job{Kind: "ab", ID: "a:b"}, true},
		{"the longest metadata", queue.Job{Kind: "ab", ID: "1", Metadata: strings.Repeat("~", 256)}, true},
		{"metadata with a space", queue.Job{Kind: "ab", ID: "1", Metadata: "a b"}, true},
		{"metadata of 257 bytes", queue.Job{Kind: "ab", ID: "1", Metadata: strings.Repeat("~", 257)}, false},
		{"a line break in the metadata", queue.Job{Kind: "ab", ID: "1", Metadata: "a\n"}, false},
		{"no kind", queue.Job{ID: "1"}, false},
		{"a kind of one letter", queue.Job{Kind: "a", ID: "1"}, false},
		{"a kind of 33 letters", queue.Job{Kind: strings.Repeat("a", 33), ID: "1"}, false},
		{"a capital in the kind", queue.Job{Kind: "Ab", ID: "1"}, false},
		{"a colon in the kind", queue.Job{Kind: "a:b", ID: "1"}, false},
		{"a letter beyond ASCII in the kind", queue.Job{Kind: "abé", ID: "1"}, false},
		{"no id", queue.Job{Kind: "ab"}, false},
		{"an id of 129 bytes", queue.Job{Kind: "ab", ID: strings.Repeat("x", 129)}, false},
		{"a space in the id", queue.Job{Kind: "ab", ID: "a b"}, false},
		{"a control character in the id", queue.Job{Kind: "ab", ID: "a\x7f"}, false},
		{"a letter beyond ASCII in the id", queue.Job{Kind: "ab", ID: "é"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.job.Validate()
			if (err == nil) != test.ok || err != nil && !errors.Is(err, queue.ErrInvalidJob) {
				t.Errorf("Validate() = %v, want ok = %v", err, test.ok)
			}
		})
	}
}

func TestParseKey(t *testing.T) {
	for _, test := range []struct {
		key  string
		want queue.Job
		ok   bool
	}{
		{"process:1", queue.Job{Kind: "process", ID: "1"}, true},
		{"process:a:b", queue.Job{Kind: "process", ID: "a:b"}, true},
		{"process::", queue.Job{Kind: "process", ID: ":"}, true},
		{"", queue.Job{}, false},
		{"process", queue.Job{}, false},
		{":1", queue.Job{}, false},
		{"process:", queue.Job{}, false},
		{"process: ", queue.Job{}, false},
	} {
		t.Run(test.key, func(t *testing.T) {
			got, err := queue.ParseKey(test.key)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, queue.ErrInvalidJob) {
				t.Fatalf("ParseKey(%q): %v, want ok = %v", test.key, err, test.ok)
			}
			if diff := cmp.Diff(test.want, got); test.ok && diff != "" {
				t.Errorf("ParseKey(%q) (-want +got):\n%s", test.key, diff)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("process:1")
	f.Add("process:a:b")
	f.Add(":")
	f.Fuzz(func(t *testing.T, key string) {
		j, err := queue.ParseKey(key)
		if err != nil {
			return
		}
		if j.Key() != key || j.Validate() != nil {
			t.Errorf("ParseKey(%q) = %+v, whose key is %q, and whose Validate says %v", key, j, j.Key(), j.Validate())
		}
	})
}

func TestLast(t *testing.T) {
	for attempt, want := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		j := queue.Job{Attempt: attempt, MaxAttempts: 3}
		if j.Last() != want {
			t.Errorf("attempt %d of 3: Last() = %v, want %v", attempt, j.Last(), want)
		}
	}
}

func TestDeadQuerySize(t *testing.T) {
	for limit, want := range map[int]int{-1: 100, 0: 100, 1: 1, 1000: 1000, 1001: 1000} {
		if got := (queue.DeadQuery{Limit: limit}).Size(); got != want {
			t.Errorf("Size() with Limit %d = %d, want %d", limit, got, want)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	for _, test := range []struct {
		name    string
		retry   queue.Retry
		attempt int
		want    time.Duration
	}{
		{"the default after the first attempt", queue.Retry{Jitter: -1}, 1, 5 * time.Second},
		{"the default after the second attempt", queue.Retry{Jitter: -1}, 2, 10 * time.Second},
		{"the default maximum", queue.Retry{Jitter: -1}, 20, time.Hour},
		{"its own base", queue.Retry{Base: time.Second, Jitter: -1}, 4, 8 * time.Second},
		{"its own maximum", queue.Retry{Base: time.Second, Max: 5 * time.Second, Jitter: -1}, 4, 5 * time.Second},
		{"a maximum below the base", queue.Retry{Base: time.Second, Max: time.Millisecond, Jitter: -1}, 1, time.Millisecond},
		{"an attempt that no int counts", queue.Retry{Jitter: -1}, 1 << 62, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.retry.Delay(test.attempt); got != test.want {
				t.Errorf("Delay(%d) = %v, want %v", test.attempt, got, test.want)
			}
		})
	}
	if got := (queue.Retry{}).Attempts(); got != 3 {
		t.Errorf("Attempts() = %d by default, want 3", got)
	}
	if got := (queue.Retry{MaxAttempts: 7}).Attempts(); got != 7 {
		t.Errorf("Attempts() = %d, want 7", got)
	}
}

// The wait is positive and within the jitter of what it is without.
func TestRetryDelayStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := queue.Retry{
			Base:   time.Duration(rapid.Int64Range(1, 1<<62).Draw(t, "base")),
			Max:    time.Duration(rapid.Int64Range(1, 1<<62).Draw(t, "max")),
			Jitter: rapid.Float64Range(0.01, 0.5).Draw(t, "jitter"),
		}
		attempt := rapid.IntRange(1, 100).Draw(t, "attempt")
		exact := r
		exact.Jitter = -1
		middle := exact.Delay(attempt)
		if middle <= 0 || middle > r.Max {
			t.Fatalf("Delay(%d) without jitter = %v, want above 0 and at most %v", attempt, middle, r.Max)
		}
		bound := time.Duration(r.Jitter*float64(middle)) + 1
		if got := r.Delay(attempt); got < middle-bound || got > middle+bound {
			t.Fatalf("Delay(%d) = %v, want %v up or down by at most %v", attempt, got, middle, bound)
		}
	})
}

func TestNoWaitIsLongerThanMaxDelay(t *testing.T) {
	for _, r := range []queue.Retry{{}, {Jitter: -1}, {Jitter: 5}, {Base: time.Hour, Max: 24 * time.Hour, Jitter: 1}, {Max: 10 * 365 * 24 * time.Hour}} {
		for attempt := 1; attempt < 40; attempt++ {
			most := r.MaxDelay(attempt)
			if most > 40*365*24*time.Hour {
				t.Fatalf("%+v: MaxDelay(%d) is %v", r, attempt, most)
			}
			for range 20 {
				if d := r.Delay(attempt); r.Jitter <= 1 && d > most {
					t.Errorf("%+v: Delay(%d) is %v, MaxDelay %v", r, attempt, d, most)
				}
			}
		}
	}
}
