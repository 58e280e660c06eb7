package mongostore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

func TestEveryEventIsADocumentThatMongoDBTakes(t *testing.T) {
	names := rapid.OneOf(
		rapid.SampledFrom([]string{"", "_id", "batch_id", "timestamp", "a", "a%_2", "%id", "%ns", "%_", "$a", "a.b", "%2E", "%"}),
		rapid.String(),
	)
	fields := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) metrics.Field {
		return metrics.Field{Name: names.Draw(t, "name"), Value: rapid.String().Draw(t, "value")}
	}), 0, 6)
	rapid.Check(t, func(t *rapid.T) {
		want := metrics.Event{
			Row:    rapid.Int64Range(1, 1<<60).Draw(t, "row"),
			ID:     rapid.OneOf(rapid.SampledFrom([]string{"", "1", "2", "1%2"}), rapid.String()).Draw(t, "id"),
			Type:   rapid.StringN(1, 20, -1).Draw(t, "type"),
			Time:   time.Unix(rapid.Int64Range(0, 253402300799).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Fields: fields.Draw(t, "fields"),
		}
		doc, members := mongostore.Document(batchID(1), &want)
		if err := doc.Validate(); err != nil {
			t.Fatalf("the document is no BSON: %v", err)
		}
		for _, name := range members {
			if name == "" || strings.ContainsAny(name, ".$\x00") {
				t.Errorf("a member is called %q", name)
			}
		}
		slices.Sort(members)
		if len(slices.Compact(members)) != len(members) {
			t.Errorf("two members have one name: %q", members)
		}
		got, err := mongostore.Decode(doc)
		if err != nil {
			t.Fatal(err)
		}
		if len(want.Fields) == 0 {
			want.Fields = got.Fields
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func FuzzDecode(f *testing.F) {
	doc, _ := mongostore.Document(batchID(1), &metrics.Event{Row: 3, ID: "x", Type: "a", Time: start, Fields: []metrics.Field{{Name: "a.b", Value: "c"}}})
	f.Add([]byte(doc))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = mongostore.Decode(bson.Raw(b)) })
}

// The ids of a file may repeat, and look like the rows that stand for ids
// where there are none.
func TestEventIDsMayRepeat(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	var want []metrics.Event
	for i, id := range []string{"a", "a", "", "3", "a%2", "5", "7", "", "a", "2", "a%2%5"} {
		want = append(want, metrics.Event{Row: int64(i + 1), ID: id, Type: "t", Time: start})
	}
	commit(t, st, batchID(1), want...)
	commit(t, st, batchID(2), want...)
	for _, batch := range []string{batchID(1), batchID(2)} {
		var got []metrics.Event
		for e, err := range st.Events(t.Context(), batch) {
			if err != nil {
				t.Fatal(err)
			}
			e.Fields = nil
			got = append(got, e)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	n, err := db.Collection("events").CountDocuments(t.Context(), bson.D{{Key: "event_id", Value: "a"}})
	if err != nil || n != 2 {
		t.Errorf("%d documents have the event_id a, %v; want the first one of each batch", n, err)
	}
}

func TestADocumentIsWhatItsColumnsAre(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	commit(t, st, batchID(1), metrics.Event{Row: 1, ID: "e1", Type: "test_started", Time: start.Add(1500 * time.Millisecond), Fields: []metrics.Field{
		{Name: "candidate_id", Value: "C101"}, {Name: "test_id", Value: "T1"},
	}})
	got, err := db.Collection("events").FindOne(t.Context(), bson.D{{Key: "candidate_id", Value: "C101"}}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"_id": "00000001-0000-7000-8000-000000000001/0000000000000001","batch_id": "00000001-0000-7000-8000-000000000001",` +
		`"event_id": "e1","event_type": "test_started","timestamp": {"$date":{"$numberLong":"1762560001500"}},"candidate_id": "C101","test_id": "T1"}`
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
