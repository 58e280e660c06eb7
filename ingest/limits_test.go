package ingest_test

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

const header = "candidate_id,test_id,event_type,timestamp\n"

// flood reads head once, then body again and again up to 32 MiB, and notes how
// much memory is in use on the way.
type flood struct {
	head, body string
	given      int
	sampled    int
	peak       uint64
}

func (f *flood) Read(p []byte) (int, error) {
	if f.given-f.sampled >= 4<<20 {
		f.sampled = f.given
		f.peak = max(f.peak, heap())
	}
	if f.given >= 32<<20 {
		return 0, io.EOF
	}
	n := copy(p, f.head)
	f.head = f.head[n:]
	for n < len(p) {
		n += copy(p[n:], f.body[(f.given+n)%len(f.body):])
	}
	f.given += n
	return n, nil
}

// heap returns the bytes of live objects.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryIsBoundedWhateverComes(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, tc := range []struct {
		name, head, body string
		format           ingest.Format
	}{
		{"a header without end", "", "x", ingest.CSV},
		{"columns in the header without end", "", ",", ingest.CSV},
		{"a line without end", header, "x", ingest.CSV},
		{"columns without end", header, ",", ingest.CSV},
		{"quotes", header, `"`, ingest.CSV},
		{"a quote that never closes", header + `"`, long + "\n", ingest.CSV},
		{"a quote that opens on every line", header, `"` + long + "\n", ingest.CSV},
		{"NULs", header, "\x00", ingest.CSV},
		{"blank lines", header, strings.Repeat(" ", 60) + "\n\n\n\n", ingest.CSV},
		{"a new error on every line", header, "\xff," + long + "\n", ingest.CSV},
		{"a JSON line without end", "", "{", ingest.NDJSON},
		{"JSON with members without end", "{", `"a":1,`, ingest.NDJSON},
		{"JSON lines", "", "{" + long + "\n", ingest.NDJSON},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := heap()
			in := &flood{head: tc.head, body: strings.Repeat(tc.body, 1+1<<12/len(tc.body))}
			r := ingest.NewReader(in, &ingest.Options{Format: tc.format, Reject: func(*ingest.RowError) error { return nil }})
			events := make([]metrics.Event, 64)
			for {
				if _, err := r.Read(events); err != nil {
					break
				}
			}
			if in.peak > before+8<<20 {
				t.Errorf("%d MiB in use", (in.peak-before)>>20)
			}
		})
	}
}

func TestAcceptHasTheLastWord(t *testing.T) {
	odd := errors.New("odd")
	for _, tc := range []struct {
		err  error
		code ingest.Code
	}{
		{metrics.ErrTooManyTypes, ingest.TooManyEventTypes},
		{metrics.ErrTooManyDays, ingest.TooManyDays},
		{metrics.ErrTooManyCells, ingest.TooManyCells},
		{odd, ingest.Rejected},
	} {
		got := read(strings.NewReader(twoRows), ingest.Options{Accept: func(e *metrics.Event) error {
			if e.Row == 1 {
				return tc.err
			}
			return nil
		}})
		if len(got.Events) != 1 || len(got.Rejected) != 1 || got.Rejected[0].Code != tc.code || got.Rejected[0].Message != tc.err.Error() {
			t.Errorf("%v: got %d events, rejected %v", tc.err, len(got.Events), got.Rejected)
		}
	}
}

func TestRowsBehindTheLimitAreRejected(t *testing.T) {
	got := read(strings.NewReader(twoRows), ingest.Options{Limits: ingest.Limits{Rows: 1}})
	if d := gocmp.Diff([]string{`2:3 too_many_rows  ""`}, faults(got.Rejected)); d != "" || len(got.Events) != 1 {
		t.Errorf("%d events %s", len(got.Events), d)
	}
}

func TestErrorOfRejectStopsTheReading(t *testing.T) {
	stop := errors.New("stop")
	in := twoRows + ",,x,\n" + strings.TrimPrefix(twoRows, header)
	r := ingest.NewReader(strings.NewReader(in), &ingest.Options{Reject: func(*ingest.RowError) error { return stop }})
	events := make([]metrics.Event, 10)
	if n, err := r.Read(events); n != 2 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	for range 2 {
		if n, err := r.Read(events); n != 0 || !errors.Is(err, stop) {
			t.Fatalf("got %d, %v", n, err)
		}
	}
}

func TestErrorOfTheInputIsNotItsEnd(t *testing.T) {
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("broken")} {
		for _, format := range []ingest.Format{ingest.CSV, ingest.NDJSON} {
			in := twoRows + "C3,T3,a,2025-11-08"
			want := []int64{1, 2}
			if format == ingest.NDJSON {
				in, want = `{"candidate_id":1,"test_id":1,"event_type":"a","timestamp":"2025-11-08"}`+"\n"+`{}`, []int64{1}
			}
			got := read(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), ingest.Options{Format: format})
			var rows []int64
			for _, e := range got.Events {
				rows = append(rows, e.Row)
			}
			if !errors.Is(got.Err, broken) || !slices.Equal(rows, want) || got.Rejected != nil {
				t.Errorf("got rows %d, rejected %v, error %v", rows, got.Rejected, got.Err)
			}
		}
	}
}

func TestStringsStayAsTheyAre(t *testing.T) {
	in := header + strings.Repeat("C1,T1,a,2025-11-08T09:00:00Z\n\"C2\",T\"\"2,b,2025-11-08\nC2,\"T\"\"2\",b,2025-11-08\n", 2000)
	r := ingest.NewReader(iotest.HalfReader(strings.NewReader(in)), nil)
	r.SetChunk(64)
	events := make([]metrics.Event, 7)
	var kept, shown []string
	for {
		n, err := r.Read(events)
		for i := range events[:n] {
			kept = append(kept, events[i].Type, events[i].Fields[0].Value, events[i].Fields[1].Value)
			for _, s := range kept[len(kept)-3:] {
				shown = append(shown, strings.Clone(s))
			}
		}
		if err != nil {
			break
		}
	}
	if len(kept) != 4000*3 || !slices.Equal(kept, shown) {
		t.Errorf("%d strings were kept and changed", len(kept))
	}
}

func TestSteadyStateAllocatesOnlyPieces(t *testing.T) {
	in := header + strings.Repeat("C1,T1,a,2025-11-08T09:00:00Z\n", 100_000)
	events := make([]metrics.Event, 512)
	allocs := testing.AllocsPerRun(3, func() {
		r := ingest.NewReader(strings.NewReader(in), &ingest.Options{Latest: time.Now()})
		for {
			if _, err := r.Read(events); err != nil {
				return
			}
		}
	})
	if allocs > 200 {
		t.Errorf("%v allocations for 100,000 rows", allocs)
	}
}
