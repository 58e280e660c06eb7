// Package eventgen generates CSV files of events for tests and benchmarks, and
// returns their exact counts. Use it wherever a test needs an expected result
// that the library has not computed.
package eventgen

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Header is the first line of every file.
const Header = "candidate_id,test_id,event_type,timestamp\n"

// Options describe a file. The zero value means the defaults.
type Options struct {
	// Seed makes files differ. Equal options make equal files.
	Seed uint64
	// Rows is the number of rows, broken ones included; default 1,000.
	Rows int64
	// First is the first day; default 2025-11-08.
	First metrics.Day
	// Days is the number of days that the events are on; default 1.
	Days int
	// Types are the event types, without quotes and delimiters; default five
	// that describe taking a test.
	Types []string
	// Candidates is the number of different candidates, at most a billion;
	// default a billion.
	Candidates int
	// Zipf skews days, types and candidates: the k-th of each is drawn in
	// proportion to k to the power of -Zipf. It must be above 1; 0 means that
	// all are equally likely.
	Zipf float64
	// Quoted is the share of rows with all their values in quotes, 0 to 1.
	Quoted float64
	// Broken is the share of rows that ingest rejects, 0 to 1. They lack a
	// value, have a bad time stamp, or too many fields.
	Broken float64
}

func (o Options) withDefaults() Options {
	if o.Rows == 0 {
		o.Rows = 1000
	}
	if o.First == 0 {
		o.First = metrics.DayOf(time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC))
	}
	if o.Days == 0 {
		o.Days = 1
	}
	if len(o.Types) == 0 {
		o.Types = []string{"test_started", "question_answered", "test_completed", "test_abandoned", "test_resumed"}
	}
	if o.Candidates == 0 {
		o.Candidates = 1e9
	}
	return o
}

// Oracle has the exact counts of a file.
type Oracle struct {
	// Rows and Broken are the numbers of all rows and of the rejected ones.
	Rows, Broken int64
	// Counts has the number of events of each day and type that has any.
	Counts map[Cell]int64
}

// Cell is one day and event type.
type Cell struct {
	Day  metrics.Day
	Type string
}

// Accepted returns the number of rows that are not broken.
func (o *Oracle) Accepted() int64 { return o.Rows - o.Broken }

// Write writes a file to w in pieces of about 64 KiB and returns its counts.
// Nil options mean the defaults. Errors are those of w.
func Write(w io.Writer, opts *Options) (*Oracle, error) {
	g := newGenerator(opts)
	buf := append(make([]byte, 0, pieceBytes+maxRow), Header...)
	for range g.opts.Rows {
		if buf = g.appendRow(buf); len(buf) < pieceBytes {
			continue
		}
		if _, err := w.Write(buf); err != nil {
			return nil, fmt.Errorf("eventgen: write: %w", err)
		}
		buf = buf[:0]
	}
	if _, err := w.Write(buf); err != nil {
		return nil, fmt.Errorf("eventgen: write: %w", err)
	}
	return g.oracle(), nil
}

const (
	pieceBytes = 64 << 10
	maxRow     = 4 << 10
)

type generator struct {
	opts   Options
	random *rand.PCG
	days   []string // each as text
	counts []int64  // by day and type
	broken int64
	// share of 2^32 that is quoted or broken
	quoted, brokenShare uint64

	day, kind, candidate func() int
}

func newGenerator(opts *Options) *generator {
	g := &generator{}
	if opts != nil {
		g.opts = *opts
	}
	g.opts = g.opts.withDefaults()
	g.random = rand.NewPCG(g.opts.Seed, 0x9E3779B97F4A7C15)
	for i := range g.opts.Days {
		g.days = append(g.days, (g.opts.First + metrics.Day(i)).String())
	}
	g.counts = make([]int64, g.opts.Days*len(g.opts.Types))
	g.quoted = uint64(g.opts.Quoted * (1 << 32))
	g.brokenShare = uint64(g.opts.Broken * (1 << 32))
	g.day, g.kind, g.candidate = g.draw(g.opts.Days), g.draw(len(g.opts.Types)), g.draw(g.opts.Candidates)
	return g
}

// draw returns a function that draws a number below n.
func (g *generator) draw(n int) func() int {
	if g.opts.Zipf == 0 {
		return func() int { return int(g.below(uint64(n))) }
	}
	z := rand.NewZipf(rand.New(g.random), g.opts.Zipf, 1, uint64(n-1))
	return func() int { return int(z.Uint64()) }
}

// below returns a number below n, which is at most 2^32.
func (g *generator) below(n uint64) uint64 { return (g.random.Uint64() >> 32) * n >> 32 }

func (g *generator) appendRow(b []byte) []byte {
	day, kind, wrong := g.day(), g.kind(), none
	if g.brokenShare > 0 && g.below(1<<32) < g.brokenShare {
		wrong = fault(g.below(faults))
		g.broken++
	} else {
		g.counts[day*len(g.opts.Types)+kind]++
	}
	quote := g.quoted > 0 && g.below(1<<32) < g.quoted
	for column := range 4 {
		if column > 0 {
			b = append(b, ',')
		}
		if quote {
			b = append(b, '"')
		}
		b = g.appendValue(b, column, day, kind, wrong)
		if quote {
			b = append(b, '"')
		}
	}
	if wrong == tooManyFields {
		b = append(b, ",more"...)
	}
	return append(b, '\n')
}

// fault is what is wrong with a row. The first four are the column that has no
// value.
type fault int

const (
	none          fault = -1
	badTime       fault = 4
	tooManyFields fault = 5
	faults              = 6
)

func (g *generator) appendValue(b []byte, column, day, kind int, wrong fault) []byte {
	if wrong == fault(column) {
		return b
	}
	switch column {
	case 0:
		return appendPadded(append(b, 'C'), g.candidate(), 9)
	case 1:
		return appendPadded(append(b, 'T'), int(g.below(1e5)), 5)
	case 2:
		return append(b, g.opts.Types[kind]...)
	}
	if wrong == badTime {
		return append(b, "soon"...)
	}
	return g.appendTime(b, day)
}

func (g *generator) appendTime(b []byte, day int) []byte {
	b = append(append(b, g.days[day]...), 'T')
	second := int(g.below(24 * 60 * 60))
	b = append(appendPadded(b, second/3600, 2), ':')
	b = append(appendPadded(b, second/60%60, 2), ':')
	return append(appendPadded(b, second%60, 2), 'Z')
}

// appendPadded appends n with zeros in front.
func appendPadded(b []byte, n, width int) []byte {
	end := len(b) + width
	b = append(b, "0000000000"[:width]...)
	for i := end - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

func (g *generator) oracle() *Oracle {
	o := &Oracle{Rows: g.opts.Rows, Broken: g.broken, Counts: map[Cell]int64{}}
	for i, n := range g.counts {
		if n > 0 {
			types := len(g.opts.Types)
			o.Counts[Cell{g.opts.First + metrics.Day(i/types), g.opts.Types[i%types]}] += n
		}
	}
	return o
}
