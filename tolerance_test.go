package eventmetrics_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

const badRow = "C1,T1,a,never\n"

func TestFilesWithTooManyRejectedRowsLeaveNothing(t *testing.T) {
	content := day(17) + strings.Repeat(badRow, 3) // 15 %
	type tolerance = eventmetrics.Tolerance
	type refusal = eventmetrics.ToleranceError
	for _, tc := range []struct {
		name      string
		tolerance tolerance
		content   string
		want      *refusal // nil means stored
	}{
		{"any number by default", tolerance{}, content, nil},
		{"strict", tolerance{Strict: true}, content, &refusal{Limit: "strict", Rows: 20, Rejected: 3}},
		{"strict, and none rejected", tolerance{Strict: true}, day(3), nil},
		{"as many as may be", tolerance{MaxErrors: 3}, content, nil},
		{"one more", tolerance{MaxErrors: 2}, content, &refusal{Limit: "max_errors", Value: 2, Rows: 20, Rejected: 3, Stopped: true}},
		{"none may be", tolerance{MaxErrors: -1}, content, &refusal{Limit: "max_errors", Rows: 18, Rejected: 1, Stopped: true}},
		{"none may be, and none is", tolerance{MaxErrors: -1, MaxErrorRatio: -1}, day(3), nil},
		{"a share that is just reached", tolerance{MaxErrorRatio: 0.15}, content, nil},
		{"a share that is crossed", tolerance{MaxErrorRatio: 0.1499}, content, &refusal{Limit: "max_error_ratio", Value: 0.1499, Rows: 20, Rejected: 3}},
		{"no share", tolerance{MaxErrorRatio: -1}, content, &refusal{Limit: "max_error_ratio", Rows: 20, Rejected: 3}},
		{"strict, but not for long", tolerance{Strict: true, MaxErrors: 1}, content, &refusal{Limit: "max_errors", Value: 1, Rows: 19, Rejected: 2, Stopped: true}},
		{"no valid row", tolerance{Strict: true}, header + badRow, &refusal{Limit: "strict", Rows: 1, Rejected: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil, false)
			f := eventmetrics.File{Body: strings.NewReader(tc.content), Tolerance: tc.tolerance, IdempotencyKey: "k"}
			_, err := r.Upload(t.Context(), f)
			got, _ := errors.AsType[*refusal](err)
			if d := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(refusal{}, "Errors", "ReadAs")); d != "" {
				t.Errorf("%v: %s", err, d)
			}
			if got != nil && got.ReadAs.Format != "csv" {
				t.Errorf("it was read as %+v", got.ReadAs)
			}
			if got != nil && int64(len(got.Errors)) != got.Rejected {
				t.Errorf("it lists %d rows, %d were rejected", len(got.Errors), got.Rejected)
			}
			batches, err := r.Batches(t.Context(), store.BatchQuery{})
			if stored := len(batches) > 0; err != nil || stored != (tc.want == nil) {
				t.Errorf("stored %v, %v", batches, err)
			}
			if tc.want == nil {
				return
			}
			future := store.PruneQuery{Before: time.Now().Add(time.Hour)}
			if pruned, err := r.store.Prune(t.Context(), future); err != nil || pruned != (store.Pruned{}) {
				t.Errorf("left remainders: %+v, %v", pruned, err)
			}
			f = eventmetrics.File{Body: strings.NewReader(day(1)), IdempotencyKey: "k"}
			if _, err := r.Upload(t.Context(), f); err != nil {
				t.Errorf("the key was kept: %v", err)
			}
		})
	}
}

func TestReadingStopsWhenThereAreTooManyErrors(t *testing.T) {
	r := newRig(t, nil, false)
	const size = 50 << 20
	rest := io.LimitReader(&repeated{row: badRow}, size)
	body := io.MultiReader(strings.NewReader(day(10)), rest)
	_, err := r.Upload(t.Context(), eventmetrics.File{Body: body, Tolerance: eventmetrics.Tolerance{MaxErrors: 100}})
	refused, ok := errors.AsType[*eventmetrics.ToleranceError](err)
	if !ok || refused.Rejected != 101 || refused.Rows != 111 || !refused.Stopped {
		t.Errorf("got %v, want it to stop at the rejected row 101", err)
	}
	if read := size - rest.(*io.LimitedReader).N; read > 4<<20 {
		t.Errorf("%d bytes were read", read)
	}
}

// repeated is a row without end.
type repeated struct {
	row string
	at  int
}

func (r *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.row[r.at]
		r.at = (r.at + 1) % len(r.row)
	}
	return len(p), nil
}

func TestAFileIsStoredIffItsTolerancesHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(rapid.Bool(), 1, 60).Draw(rt, "valid rows")
		denominator := rapid.IntRange(1, 60).Draw(rt, "denominator")
		numerator := rapid.IntRange(0, denominator).Draw(rt, "numerator")
		most := rapid.IntRange(-1, 60).Draw(rt, "max errors")
		strict := rapid.IntRange(0, 9).Draw(rt, "strict") == 0

		var content strings.Builder
		content.WriteString(header)
		failed := 0
		for _, valid := range rows {
			if valid {
				content.WriteString("C1,T1,a,2025-11-08\n")
			} else {
				content.WriteString(badRow)
				failed++
			}
		}
		limits := eventmetrics.Tolerance{Strict: strict, MaxErrors: int64(most), MaxErrorRatio: float64(numerator) / float64(denominator)}
		holds := (numerator == 0 || failed*denominator <= numerator*len(rows)) &&
			(most == 0 || failed <= max(most, 0)) && (!strict || failed == 0)

		s := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
		receipt, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content.String()), Tolerance: limits})
		refused, crossed := errors.AsType[*eventmetrics.ToleranceError](err)
		_, empty := errors.AsType[*eventmetrics.RejectedError](err)
		switch {
		case crossed == holds:
			rt.Fatalf("%d of %d rows rejected, %+v: %v", failed, len(rows), limits, err)
		case crossed && !refused.Stopped && refused.Rejected != int64(failed):
			rt.Fatalf("it counts %d rejected rows, not %d", refused.Rejected, failed)
		case holds && empty != (failed == len(rows)):
			rt.Fatalf("%d of %d rows rejected: %v", failed, len(rows), err)
		case err == nil && (receipt.Batch.RejectedRows != int64(failed) || receipt.Batch.AcceptedRows != int64(len(rows)-failed)):
			rt.Fatalf("stored %+v", receipt.Batch)
		}
		batches, err := s.Batches(t.Context(), store.BatchQuery{})
		if stored := len(batches) == 1; err != nil || stored != (holds && failed < len(rows)) {
			rt.Fatalf("%d batches, %v", len(batches), err)
		}
	})
}

func TestToleranceErrorsSayWhatWasCrossed(t *testing.T) {
	for want, e := range map[string]eventmetrics.ToleranceError{
		"eventmetrics: 3 of 8 rows rejected, none may be (strict)":             {Limit: "strict", Rows: 8, Rejected: 3},
		"eventmetrics: 3 of the first 8 rows rejected, more than max_errors=2": {Limit: "max_errors", Value: 2, Rows: 8, Rejected: 3, Stopped: true},
		"eventmetrics: 3 of 8 rows rejected, more than max_error_ratio=0.05":   {Limit: "max_error_ratio", Value: 0.05, Rows: 8, Rejected: 3},
	} {
		e.Errors = []ingest.RowError{{}}
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
