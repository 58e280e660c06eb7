package legacy_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/legacy"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

func TestSourceThatIsTheTargetIsRefused(t *testing.T) {
	o := leave(t)
	for _, target := range []string{o.uri, strings.Replace(o.uri, "127.0.0.1", "localhost", 1), o.uri + "?appName=x"} {
		if _, err := legacy.Open(t.Context(), o.uri, target, ""); !errors.Is(err, legacy.ErrSame) {
			t.Errorf("%s: %v, want %v", target, err, legacy.ErrSame)
		}
	}
	server := o.uri[:strings.LastIndex(o.uri, "/")]
	if _, err := legacy.Open(t.Context(), o.uri, server, o.db.Name()); !errors.Is(err, legacy.ErrSame) {
		t.Errorf("a target of that default: %v", err)
	}
	for _, target := range []string{"", testenv.Mongo(t), server, "mongodb://127.0.0.1:1/" + o.db.Name()} {
		src, err := legacy.Open(t.Context(), o.uri, target, "other")
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyDatabasesOfTheOriginalAreSources(t *testing.T) {
	ours := testenv.Mongo(t)
	s, err := mongostore.Open(t.Context(), ours, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	empty := testenv.Mongo(t)
	for _, uri := range []string{ours, empty, empty[:strings.LastIndex(empty, "/")]} {
		if _, err := legacy.Open(t.Context(), uri, "", ""); !errors.Is(err, legacy.ErrNotLegacy) {
			t.Errorf("%s: %v, want %v", uri, err, legacy.ErrNotLegacy)
		}
	}
}

// TestBytesThatAreNoTextAreRejected is about what no server takes, but a
// broken driver may once have written.
func TestBytesThatAreNoTextAreRejected(t *testing.T) {
	for _, value := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "x\x00"} {
		doc, err := bson.Marshal(bson.D{
			{Key: "candidate_id", Value: "C1"}, {Key: "test_id", Value: "T1"}, {Key: "event_type", Value: value}, {Key: "timestamp", Value: "2025-11-08"},
		})
		if err != nil {
			t.Fatal(err)
		}
		line := legacy.AppendEvent(nil, doc)
		var rejected []ingest.Code
		r := ingest.NewReader(bytes.NewReader(append(line, legacy.AppendEvent(nil, nil)...)), &ingest.Options{
			Format: ingest.NDJSON,
			Reject: func(e *ingest.RowError) error { rejected = append(rejected, e.Code); return nil },
		})
		n, _ := r.Read(make([]metrics.Event, 9))
		if n != 0 || len(rejected) != 2 || rejected[0] != ingest.BadEncoding || rejected[1] != ingest.MissingValue {
			t.Errorf("%q: %d events, %v", value, n, rejected)
		}
	}
}
