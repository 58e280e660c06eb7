package columnar

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// encodeAll returns the blocks of events, of at most size rows each.
func encodeAll(events []metrics.Event, size int) [][]byte {
	e, b := NewEncoder(), NewBuffer()
	var blocks [][]byte
	for i := range events {
		b.Append(&events[i])
		if b.Full() || b.Len() == size || i == len(events)-1 {
			blocks = append(blocks, e.Encode(nil, b))
			b.Reset()
		}
	}
	return blocks
}

func decodeAll(t interface{ Fatalf(string, ...any) }, blocks [][]byte) []metrics.Event {
	var d Decoder
	var out []metrics.Event
	for i, block := range blocks {
		if err := d.Decode(block); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		for e := (metrics.Event{}); d.Next(&e); {
			e.Fields = slices.Clone(e.Fields)
			out = append(out, e)
		}
	}
	return out
}

func anyEvent(t *rapid.T) metrics.Event {
	text := rapid.OneOf(
		rapid.String(), rapid.SampledFrom([]string{"", "a", "0", "00", "C1", "C01", "C123456789", "1844674407370955161500"}),
		rapid.StringMatching(`C\d{1,9}`), rapid.StringMatching(`\d{5}`),
	)
	e := metrics.Event{
		Row: rapid.Int64().Draw(t, "row"), ID: text.Draw(t, "id"), Type: text.Draw(t, "type"),
		Time: time.Unix(rapid.Int64Range(-70_000_000_000, 253402300799).Draw(t, "s"), rapid.SampledFrom([]int64{0, 1, 1e3, 1e6, 999_999_999}).Draw(t, "ns")).UTC(),
	}
	for range rapid.IntRange(0, 4).Draw(t, "fields") {
		e.Fields = append(e.Fields, metrics.Field{Name: rapid.SampledFrom([]string{"a", "b", "", "c"}).Draw(t, "name"), Value: text.Draw(t, "value")})
	}
	return e
}

func TestBlocksBringEventsBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(anyEvent), 0, 60).Draw(t, "events")
		size := rapid.IntRange(1, 20).Draw(t, "size")
		if d := cmp.Diff(events, decodeAll(t, encodeAll(events, size)), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// column makes n events with one field from f.
func columnOf(n int, f func(i int) string) []metrics.Event {
	events := make([]metrics.Event, n)
	for i := range events {
		events[i] = metrics.Event{Row: int64(i + 1), Type: "t", Fields: []metrics.Field{{Name: "x", Value: f(i)}}}
	}
	return events
}

func TestLongColumnsComeBackAndAreShort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	pool := make([]string, 200_000)
	for i := range pool {
		pool[i] = fmt.Sprintf("C%09d", rng.IntN(1e9))
	}
	words := strings.Fields("started finished paused resumed closed reopened")
	for _, tt := range []struct {
		name  string
		bytes float64 // at most this many a row
		value func(i int) string
	}{
		{"ids from a pool", 3.3, func(int) string { return pool[rng.IntN(len(pool))] }},
		{"ids without repetition", 3.9, func(int) string { return fmt.Sprintf("C%09d", rng.IntN(1e9)) }},
		{"serial numbers", 0.05, func(i int) string { return fmt.Sprint("row-", i) }},
		{"words", 0.45, func(int) string { return words[rng.IntN(len(words))] }},
		{"one word", 0.05, func(int) string { return "x" }},
		{"mostly ids", 6.5, func(i int) string {
			if i%50 == 0 {
				return ""
			}
			return pool[rng.IntN(len(pool))]
		}},
		{"texts without repetition", 18, func(int) string { return strconv.FormatUint(rng.Uint64(), 16) }},
		{"a pool that changes", 3.9, func(i int) string { return pool[i/100_000*50_000+rng.IntN(50_000)] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events := columnOf(400_000, tt.value)
			blocks := encodeAll(events, maxRows)
			got := decodeAll(t, blocks)
			for i := range events {
				if got[i].Fields[0] != events[i].Fields[0] || got[i].Row != events[i].Row {
					t.Fatalf("row %d: want %v, got %v", i, events[i], got[i])
				}
			}
			size := 0
			for _, b := range blocks {
				size += len(b)
			}
			if perRow := float64(size) / float64(len(events)); perRow > tt.bytes {
				t.Errorf("%.2f bytes a row, want at most %.2f", perRow, tt.bytes)
			} else {
				t.Logf("%.2f bytes a row", perRow)
			}
		})
	}
}

func TestDictionariesStayWithinTheirBudget(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	e, b := NewEncoder(), NewBuffer()
	var d Decoder
	for block := range 66 { // the budget is used up, and given back, from the 50th on
		var want []string
		for range maxRows {
			event := metrics.Event{Type: "t"}
			for _, name := range []string{"a", "b", "c", "d"} {
				v := fmt.Sprintf("C%09d", 997*rng.IntN(600_000))
				want = append(want, v)
				event.Fields = append(event.Fields, metrics.Field{Name: name, Value: v})
			}
			b.Append(&event)
		}
		bytes := e.Encode(nil, b)
		b.Reset()
		if err := d.Decode(bytes); err != nil {
			t.Fatalf("block %d: %v", block, err)
		}
		var got []string
		for event := (metrics.Event{}); d.Next(&event); {
			for _, f := range event.Fields {
				got = append(got, f.Value)
			}
		}
		if !slices.Equal(want, got) {
			t.Fatalf("block %d differs", block)
		}
		tables := 0
		for _, c := range e.columns {
			if c.numbers != nil {
				tables += 8 * len(c.numbers.table)
			}
		}
		if tables > dictMemory || e.budget.left < 0 {
			t.Fatalf("block %d: tables of %d bytes, %d left", block, tables, e.budget.left)
		}
	}
}

func TestManyColumnsStartAnew(t *testing.T) {
	var events []metrics.Event
	for i := range 5000 {
		events = append(events, metrics.Event{Row: int64(i), Type: "t", Time: time.Unix(0, 0).UTC(), Fields: []metrics.Field{
			{Name: fmt.Sprint("column ", i/2), Value: "v"}, {Name: "same", Value: "w"},
		}})
	}
	if d := cmp.Diff(events, decodeAll(t, encodeAll(events, 100))); d != "" {
		t.Fatal(d)
	}
}

func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, events := range [][]metrics.Event{
		columnOf(50, func(i int) string { return fmt.Sprint("C", i%7) }),
		columnOf(50, func(int) string { return fmt.Sprintf("C%09d", rng.IntN(1e9)) }),
		columnOf(50, func(i int) string { return strings.Repeat("x", i%9) }),
		{{Row: 3, ID: "a", Type: "b", Time: time.Unix(1, 5), Fields: []metrics.Field{{Name: "x"}, {Name: "x", Value: "y"}}}, {Row: 9}},
	} {
		for _, block := range encodeAll(events, 20) {
			f.Add(block[:len(block)-4])
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		var d Decoder
		for range 2 {
			if d.decode(block) != nil {
				return
			}
			for e := (metrics.Event{}); d.Next(&e); {
				_ = e
			}
		}
	})
}

func TestChangedBytesAreCorrupt(t *testing.T) {
	block := encodeAll(columnOf(100, func(i int) string { return fmt.Sprint("C", i) }), maxRows)[0]
	for i := range block {
		changed := slices.Clone(block)
		changed[i] ^= 0x10
		if err := new(Decoder).Decode(changed); err == nil {
			t.Fatalf("byte %d changed: no error", i)
		}
		if err := new(Decoder).Decode(block[:i]); err == nil {
			t.Fatalf("cut at %d: no error", i)
		}
	}
}

func benchmarkEvents(n int) []metrics.Event {
	rng := rand.New(rand.NewPCG(1, 1))
	pool := make([]string, 1_000_000)
	for i := range pool {
		pool[i] = fmt.Sprintf("C%09d", rng.IntN(1e9))
	}
	types := strings.Fields("test_started test_finished test_paused test_resumed answer_given page_left")
	start := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	events := make([]metrics.Event, n)
	for i := range events {
		events[i] = metrics.Event{
			Row: int64(i + 1), Type: types[rng.IntN(len(types))], Time: start.Add(time.Duration(rng.IntN(30*86400)) * time.Second),
			Fields: []metrics.Field{{Name: "candidate_id", Value: pool[rng.IntN(len(pool))]}, {Name: "test_id", Value: fmt.Sprintf("T%05d", rng.IntN(1e5))}},
		}
	}
	return events
}

func BenchmarkEncode(b *testing.B) {
	events := benchmarkEvents(1_000_000)
	b.ResetTimer()
	size := 0
	for b.Loop() {
		e, buf := NewEncoder(), NewBuffer()
		var block []byte
		for i := range events {
			if buf.Append(&events[i]); buf.Full() {
				block = e.Encode(block[:0], buf)
				size += len(block)
				buf.Reset()
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/row")
	b.ReportMetric(float64(size)/float64(b.N*len(events)), "B/row")
}

func BenchmarkDecode(b *testing.B) {
	blocks := encodeAll(benchmarkEvents(1_000_000), maxRows)
	b.ResetTimer()
	for b.Loop() {
		var d Decoder
		for _, block := range blocks {
			if err := d.Decode(block); err != nil {
				b.Fatal(err)
			}
			for e := (metrics.Event{}); d.Next(&e); {
				_ = e
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1_000_000), "ns/row")
}

func TestDigitsOfEachLengthAreRead(t *testing.T) {
	const text = "908172635445362718"
	for n := 1; n <= len(text); n++ {
		want, _ := strconv.ParseUint(text[:n], 10, 64)
		if got, ok := parseDigits(text[:n]); !ok || got != want {
			t.Errorf("parseDigits(%q) is %d, %v", text[:n], got, ok)
		}
		for i := range n {
			for _, c := range []string{"/", ":", "a", " ", "\x80"} {
				bad := text[:i] + c + text[i+1:n]
				if _, ok := parseDigits(bad); ok {
					t.Errorf("parseDigits(%q) reads it", bad)
				}
			}
		}
	}
}
