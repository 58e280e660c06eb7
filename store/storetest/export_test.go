package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Rules returns the names of all rules.
func Rules() []string {
	var all []string
	for _, r := range rules() {
		all = append(all, r.name)
	}
	return all
}

// Why returns what a rule quotes.
func Why(name string) string {
	for _, r := range rules() {
		if r.name == name {
			return r.why
		}
	}
	return ""
}

// Verdict is what a rule said about a store.
type Verdict struct {
	Failures []string
	Skipped  bool
}

// Says reports whether one of the failures contains text.
func (v *Verdict) Says(text string) bool {
	return slices.ContainsFunc(v.Failures, func(f string) bool { return strings.Contains(f, text) })
}

// Try checks one rule and returns its verdict, with all differences, instead of
// failing t.
func Try(t *testing.T, h Harness, name string) *Verdict {
	t.Helper()
	return try(t, h, name, true)
}

// TryAsRun checks one rule and returns what Run prints.
func TryAsRun(t *testing.T, h Harness, name string) *Verdict {
	t.Helper()
	return try(t, h, name, false)
}

// Missing returns the functions that a harness lacks.
func Missing(h Harness) []string { return h.missing() }

func try(t *testing.T, h Harness, name string, all bool) *Verdict {
	t.Helper()
	i := slices.IndexFunc(rules(), func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no rule is called %q", name)
	}
	rec := &recorder{t: t}
	done := make(chan struct{})
	go func() { // of its own, for Goexit
		defer close(done)
		c := newCheck(rec, t, h, rules()[i])
		c.all = all
		c.run()
	}()
	<-done
	return &rec.verdict
}

// recorder is a reporter that takes notes.
type recorder struct {
	t       *testing.T
	verdict Verdict
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.t.Context() }

func (r *recorder) Errorf(format string, args ...any) {
	r.verdict.Failures = append(r.verdict.Failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Skipf(string, ...any) {
	r.verdict.Skipped = true
	runtime.Goexit()
}
