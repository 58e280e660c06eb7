package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// table has measurements that are compared.
type table struct {
	name    string // for -only
	title   string
	about   string   // what is measured, and how
	columns []column // beside the names
	rows    []row
	fixture func(ctx context.Context, c *config, dir string) error // what all rows need; may be nil
}

// row is a measurement.
type row struct {
	name string // unique in its table
	run  func(ctx context.Context, m *meter) error
	runs int // less than -runs, for what takes long; 0 means -runs
	// of what was measured
	results []result
	skipped string
}

// column shows a number of a result.
type column struct {
	title string
	value string // its name in result
	ratio bool   // to that of the first row
}

// result has numbers by name.
type result map[string]float64

func (t *table) prepare(ctx context.Context, c *config, dir string) error {
	if t.fixture == nil {
		return nil
	}
	return t.fixture(ctx, c, dir)
}

// measure makes the measurements in turns, every other time in the opposite order.
// One that fails does not end the others.
func (t *table) measure(ctx context.Context, c *config, dir string) (failed error) {
	order := make([]int, len(t.rows))
	for i := range order {
		order[i] = i
	}
	for n := range c.runs {
		for _, i := range order {
			r := &t.rows[i]
			if r.skipped != "" || r.runs > 0 && n >= r.runs {
				continue
			}
			got, err := t.inChild(ctx, c, dir, i)
			fmt.Fprintf(os.Stderr, "%s: %s, %d of %d: %v %v\n", t.name, r.name, n+1, c.runs, got, err)
			if skip, ok := errors.AsType[*skipError](err); ok {
				r.skipped = skip.reason
				continue
			}
			if err != nil {
				r.skipped = err.Error()
				failed = errors.Join(failed, fmt.Errorf("%s: %s: %w", t.name, r.name, err))
				continue
			}
			r.results = append(r.results, got)
		}
		slices.Reverse(order)
	}
	return failed
}

// skipError means that something is missing for a measurement.
type skipError struct{ reason string }

func (e *skipError) Error() string { return e.reason }

// answer is what a child prints.
type answer struct {
	Result       result
	Skip, Failed string
}

// inChild makes a measurement in a new process.
func (t *table) inChild(ctx context.Context, c *config, dir string, i int) (result, error) {
	scratch, err := os.MkdirTemp(dir, "run")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // temporary
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, append(c.args(), "-child", t.name+"/"+strconv.Itoa(i)+"/"+scratch)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	if a.Skip != "" {
		return nil, &skipError{a.Skip}
	}
	if a.Failed != "" {
		return nil, errors.New(a.Failed)
	}
	return a.Result, nil
}

func (c *config) args() []string {
	return []string{
		"-rows", strconv.FormatInt(c.rows, 10), "-files", strconv.Itoa(c.files),
		"-batches", strconv.Itoa(c.batches), "-jobs", strconv.Itoa(c.jobs),
		"-growth=" + strconv.FormatBool(c.growth), "-billion=" + strconv.FormatBool(c.billion),
	}
}

// runChild makes the measurement of a table and row, and prints its answer.
func runChild(ctx context.Context, what string, c *config) error {
	parts := strings.SplitN(what, "/", 3)
	i, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	all := tables(c)
	t := all[slices.IndexFunc(all, func(t *table) bool { return t.name == parts[0] })]
	m := &meter{config: c, dir: parts[2], fixtures: filepath.Dir(parts[2]), result: result{}}
	err = t.rows[i].run(ctx, m)
	err = errors.Join(err, m.close())
	a := answer{Result: m.result}
	if skip, ok := errors.AsType[*skipError](err); ok {
		a, err = answer{Skip: skip.reason}, nil
	}
	if err != nil {
		a = answer{Failed: err.Error()}
	}
	return json.NewEncoder(os.Stdout).Encode(&a)
}

// markdown returns the medians, and the spread of the first column.
func (t *table) markdown() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s.** %s\n\n| |", t.title, t.about)
	for _, c := range t.columns {
		fmt.Fprintf(&b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(t.columns)) + "\n")
	var skipped []string
	for i := range t.rows {
		r := &t.rows[i]
		if r.skipped != "" {
			skipped = append(skipped, fmt.Sprintf("%s: %s", r.name, r.skipped))
			continue
		}
		fmt.Fprintf(&b, "| %s |", r.name)
		for n, c := range t.columns {
			fmt.Fprintf(&b, " %s |", c.show(r, &t.rows[0], n == 0))
		}
		b.WriteString("\n")
	}
	if len(skipped) > 0 {
		fmt.Fprintf(&b, "\nNot measured: %s.\n", strings.Join(skipped, "; "))
	}
	return b.String()
}

func (c *column) show(r, first *row, spread bool) string {
	value, low, high, ok := r.median(c.value)
	if !ok {
		return ""
	}
	if c.ratio {
		base, _, _, _ := first.median(c.value)
		return fmt.Sprintf("%.2f", value/base)
	}
	if spread && len(r.results) > 1 {
		return fmt.Sprintf("%s (%s to %s)", number(value), number(low), number(high))
	}
	return number(value)
}

func (r *row) median(name string) (median, low, high float64, ok bool) {
	var all []float64
	for _, got := range r.results {
		if v, ok := got[name]; ok {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return 0, 0, 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], all[0], all[len(all)-1], true
}

// number writes three digits, and commas between thousands.
func number(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-2)
	digits := strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
