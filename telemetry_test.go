package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// watched is a rig whose telemetry is kept in memory.
type watched struct {
	*rig
	spans  *tracetest.SpanRecorder
	tracer trace.Tracer
	reader *sdkmetric.ManualReader
}

func newWatched(t *testing.T, st store.Store) *watched {
	t.Helper()
	w := &watched{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	w.tracer = provider.Tracer("test")
	memory := memstore.New()
	if st == nil {
		st = memory
	}
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	w.rig = &rig{eventmetrics.New(st, q, &eventmetrics.Options{
		CleanupEvery: -1, ReprocessEvery: -1, AuditEvery: -1, MaxUploadBytes: 10_000,
		TracerProvider: provider, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)),
	}), memory, q}
	w.start(t)
	return w
}

// spansOf waits for n ended spans of a name.
func (w *watched) spansOf(t *testing.T, name string, n int) []sdktrace.ReadOnlySpan {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		found := slices.DeleteFunc(w.spans.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() != name })
		if len(found) == n {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d spans %q, want %d", len(found), name, n)
		}
	}
}

func TestSpanOfAJobIsInTheTraceOfItsRequest(t *testing.T) {
	w := newWatched(t, nil)
	request := func(do func(context.Context)) trace.SpanContext {
		ctx, span := w.tracer.Start(t.Context(), "request")
		defer span.End()
		do(ctx)
		return span.SpanContext()
	}
	var id string
	uploaded := request(func(ctx context.Context) {
		receipt, err := w.Upload(ctx, eventmetrics.File{Body: strings.NewReader(day(3))})
		if err != nil {
			t.Fatal(err)
		}
		id = receipt.Batch.ID
	})
	asked := request(func(ctx context.Context) {
		if err := w.Process(ctx, id); err != nil {
			t.Fatal(err)
		}
	})
	upload, process := w.spansOf(t, "upload", 1)[0], w.spansOf(t, "process", 1)[0]
	if upload.Parent().SpanID() != uploaded.SpanID() {
		t.Error("the span of the upload is no child of its request's")
	}
	if got := process.Parent(); got.SpanID() != asked.SpanID() || got.TraceID() != asked.TraceID() {
		t.Error("the span of the job is no child of the one that asked for it")
	}
	links := process.Links()
	if len(links) != 1 || links[0].SpanContext.SpanID() != upload.SpanContext().SpanID() || links[0].SpanContext.TraceID() != uploaded.TraceID() {
		t.Errorf("the span of the job has the links %v, want one to that of the upload", links)
	}
	if got := process.SpanKind(); got != trace.SpanKindConsumer {
		t.Errorf("its kind is %v", got)
	}
}

func TestJobOfTheTraceOfItsUploadHasNoLink(t *testing.T) {
	w := newWatched(t, nil)
	ctx, span := w.tracer.Start(t.Context(), "request")
	receipt, err := w.Upload(ctx, eventmetrics.File{Body: strings.NewReader(day(3))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Process(ctx, receipt.Batch.ID); err != nil {
		t.Fatal(err)
	}
	span.End()
	process := w.spansOf(t, "process", 1)[0]
	if process.Parent().SpanID() != span.SpanContext().SpanID() || len(process.Links()) != 0 {
		t.Errorf("parent %v, links %v", process.Parent(), process.Links())
	}
}

// attachments notes which attachments are written and read.
type attachments struct {
	store.Store
	mu    sync.Mutex
	names map[string]bool
}

func (a *attachments) note(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names[name] = true
}

func (a *attachments) has(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names[name]
}

func (a *attachments) Begin(ctx context.Context, id string) (store.Writer, error) {
	w, err := a.Store.Begin(ctx, id)
	return attacher{w, a}, err
}

func (a *attachments) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	a.note(name)
	return a.Store.Attachment(ctx, id, name)
}

type attacher struct {
	store.Writer
	to *attachments
}

func (a attacher) Attach(ctx context.Context, name string, chunk []byte) error {
	a.to.note(name)
	return a.Writer.Attach(ctx, name, chunk)
}

func TestWithoutTracingNoTraceIsStoredOrRead(t *testing.T) {
	for _, traced := range []bool{false, true} {
		a := &attachments{Store: memstore.New(), names: map[string]bool{}}
		var r *rig
		if traced {
			r = newWatched(t, a).rig
		} else {
			r = newRig(t, a, true)
		}
		r.process(t, r.upload(t, day(3)).ID)
		if a.has("trace") != traced {
			t.Errorf("traced %v: the attachment of the trace: %v", traced, !traced)
		}
	}
}

// numbers collects all measures: of counters their sums, of histograms the
// number of what they have.
func (w *watched) numbers(t *testing.T) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Description == "" || m.Unit == "" {
				t.Errorf("%s has no description or unit", m.Name)
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					found[measuredName(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[measuredName(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					found[measuredName(m.Name, p.Attributes)] = int64(p.Count)
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	return found
}

func measuredName(name string, attrs attribute.Set) string {
	words := []string{strings.TrimPrefix(name, "eventmetrics.")}
	for _, a := range attrs.ToSlice() {
		words = append(words, fmt.Sprintf("%s=%s", a.Key, a.Value.AsString()))
	}
	return strings.Join(words, " ")
}

func TestWhatIsMeasured(t *testing.T) {
	w := newWatched(t, nil)
	mixed := header + "C1,T1,a,2025-11-08\n,T1,a,2025-11-08\nC1,T1,a,never\nC1,T1,a,never\n"
	files := []struct {
		key  string
		body io.Reader
	}{
		{"k", strings.NewReader(day(10))},
		{"k", strings.NewReader(day(10))},
		{"k", strings.NewReader(day(11))},
		{"", strings.NewReader(day(10))},
		{"", strings.NewReader(mixed)},
		{"", strings.NewReader(header)},
		{"", strings.NewReader(header + "C1,T1,,2025-11-08\n")},
		{"", strings.NewReader(strings.Repeat(header, 1000))},
		{"", iotest.ErrReader(errors.New("cable cut"))},
	}
	var size int64
	for _, f := range files {
		count := &counter{Reader: f.body}
		_, _ = w.Upload(t.Context(), eventmetrics.File{Body: count, IdempotencyKey: f.key})
		if count.n <= 10_000 {
			size += count.n
		}
	}
	id := w.upload(t, day(1)).ID
	w.process(t, id)
	w.spansOf(t, "process", 1)
	ledger, ok := store.As[store.Auditor](w.store)
	if !ok {
		t.Fatal("the store is no Auditor")
	}
	if err := ledger.Amend(t.Context(), id, metrics.Contribution{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.Reprocess(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.counts(t)
	for range w.Explain(t.Context(), metrics.DayOf(time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)), "started") {
		break
	}
	if _, err := w.Cleanup(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"upload.duration outcome=stored":     3,
		"upload.duration outcome=replayed":   1,
		"upload.duration outcome=duplicate":  1,
		"upload.duration outcome=conflict":   1,
		"upload.duration outcome=rejected":   2,
		"upload.duration outcome=too_large":  1,
		"upload.duration outcome=broken_off": 1,

		"upload.active":                           0,
		"upload.accepted":                         12,
		"upload.rejected code=missing_value":      2,
		"upload.rejected code=bad_timestamp":      2,
		"process.duration outcome=completed":      1,
		"process.wait":                            1,
		"reprocess.drift":                         1,
		"reprocess.unreadable":                    0,
		"audit.findings kind=drifted_batch":       1,
		"audit.findings kind=unreadable_batch":    0,
		"audit.findings kind=damage":              0,
		"audit.findings kind=wrong_day":           0,
		"cleanup.removed kind=batch":              0,
		"cleanup.removed kind=remainder":          0,
		"query.duration outcome=ok query=series":  1,
		"query.duration outcome=ok query=explain": 1,
	}
	got := w.numbers(t)
	size += int64(len(day(1)))
	if n := got["upload.io"]; n < size || n > size+10_000 { // more for the file that is too large
		t.Errorf("%d bytes were read, want %d and up to 10,000 more", n, size)
	}
	delete(got, "upload.io")
	if last := time.Unix(got["audit.last_time"], 0); time.Since(last) > time.Hour {
		t.Errorf("the last audit was at %v", last)
	}
	delete(got, "audit.last_time")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"audit", "cleanup", "query series", "query explain"} {
		w.spansOf(t, name, 1)
	}
	w.spansOf(t, "reprocess", 2)
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
