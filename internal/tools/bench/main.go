// Command bench measures this project beside its peers, and prints the tables of
// README.md and, with -growth, of docs/growth.md.
//
// Each measurement runs in a process of its own, so that its CPU time and its memory
// are its own. The measurements of a table are made in turns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

// config is what the flags say.
type config struct {
	rows    int64
	files   int
	batches int
	jobs    int
	runs    int
	only    string
	keep    string
	growth  bool
	billion bool
}

func main() {
	c, child := config{}, ""
	flag.Int64Var(&c.rows, "rows", 2_000_000, "rows of the file")
	flag.IntVar(&c.files, "files", 1_200, "small files")
	flag.IntVar(&c.batches, "batches", 10_000, "batches that are queried")
	flag.IntVar(&c.jobs, "jobs", 50_000, "jobs in each measurement of a queue")
	flag.IntVar(&c.runs, "runs", 5, "times that each measurement is made")
	flag.StringVar(&c.only, "only", "", "tables to measure, such as upload,queue; all by default")
	flag.BoolVar(&c.growth, "growth", false, "measure what becomes slower as the data grows instead")
	flag.BoolVar(&c.billion, "billion", false, "and with a billion rows, for which there must be 20 GB")
	flag.StringVar(&c.keep, "o", "", "the file whose tables are written again; standard output by default")
	flag.StringVar(&child, "child", "", "used by bench itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := c.run
	if child != "" {
		run = func(ctx context.Context) error { return runChild(ctx, child, &c) }
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// run makes all measurements and prints their tables.
func (c *config) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	var failed error
	var page strings.Builder
	page.WriteString(machine() + "\n")
	for _, t := range tables(c) {
		if c.only != "" && !strings.Contains(","+c.only+",", ","+t.name+",") {
			continue
		}
		if err := t.prepare(ctx, c, dir); err != nil {
			return fmt.Errorf("prepare %s: %w", t.name, err)
		}
		failed = errors.Join(failed, t.measure(ctx, c, dir))
		page.WriteString("\n" + t.markdown())
	}
	if c.keep == "" {
		fmt.Print(page.String())
		return failed
	}
	return errors.Join(failed, replaceBetween(c.keep, page.String()))
}

// The lines between which a file has what this program wrote.
const (
	begin = "<!-- what make bench wrote begins here -->\n"
	end   = "<!-- what make bench wrote ends here -->\n"
)

func replaceBetween(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(old), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no lines %q and %q", path, begin, end)
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+text+"\n"+end+tail), 0o644)
}
