package erasuretest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main{M: m}.Run()) }

// person is the subject. Neither of its words comes in anything else.
const person = "Müller, Änne"

// marks are what is searched for: the words of the person in UTF-8, in
// Windows-1252, and with the escapes of JSON.
func marks() []string {
	return []string{"Müller", "Änne", "müller", "änne", "M\xfcller", "\xc4nne", `M\u00fcller`, `M\xfcller`, "M\uFFFDller"}
}

// backends are a store and a queue whose bytes can be read.
type backends struct {
	store store.Store
	queue queue.Queue
	dump  func(t *testing.T) []byte
}

func onSQLite(t *testing.T) backends {
	dir := t.TempDir()
	st, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "events.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	dsn, err := riverqueue.DSN(filepath.Join(dir, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	q, err := riverqueue.New(t.Context(), db, &riverqueue.Options{Retry: queue.Retry{MaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return backends{st, q, func(t *testing.T) (all []byte) {
		if _, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text...)
		}
		return all
	}}
}

func onMongo(t *testing.T) backends { return onMongoWith(t, mongostore.Documents) }

func onMongoBlocks(t *testing.T) backends { return onMongoWith(t, mongostore.Blocks) }

func onMongoWith(t *testing.T, events mongostore.EventsLayout) backends {
	uri := testenv.Mongo(t)
	st, err := mongostore.Open(t.Context(), uri, &mongostore.Options{Events: events})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{MaxAttempts: 1}})
	return backends{st, q, func(t *testing.T) (all []byte) {
		all = testenv.MongoDump(t, uri)
		for job, err := range queue.AllDead(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			all = fmt.Append(all, job)
		}
		return all
	}}
}

func traces(t *testing.T, b backends) (found []string) {
	t.Helper()
	all := b.dump(t)
	for _, mark := range marks() {
		if n := bytes.Count(all, []byte(mark)); n > 0 {
			found = append(found, fmt.Sprintf("%q %d times", mark, n))
		}
	}
	return found
}

const header = "candidate_id,test_id,event_type,timestamp,note\n"

// csv returns a file with rows, and one of somebody else.
func csv(rows ...string) eventmetrics.File {
	return eventmetrics.File{Body: strings.NewReader(header + strings.Join(rows, "\n") + "\nC2,T1,a,2025-11-08,n\n")}
}

// places are files that name the person, each in a place of its own. Each has a
// row of somebody else too.
func places() map[string]eventmetrics.File {
	named := func(f eventmetrics.File, name, key string) eventmetrics.File {
		f.Name, f.IdempotencyKey = name, key
		return f
	}
	semicolon := csv()
	semicolon.Body = strings.NewReader(strings.ReplaceAll(header, ",", ";") + "\"Müller, Änne\";T1;a;2025-11-08;n;x;y\nC2;T1;a;2025-11-08;n\n")
	lines := csv()
	lines.Format = ingest.NDJSON
	lines.Body = strings.NewReader(`{"candidate_id":"Müller, Änne","test_id":"T1","event_type":"a","timestamp":"2025-11-08"}` + "\n" +
		`{"test_id":"T1","event_type":"a","candidate_id":"Müller, Änne" "timestamp":"2025-11-08"}` + "\n" +
		`{"test_id":"T1","event_type":"a","candidate_id":"M\u00fcller, \u00c4nne","timestamp":"2025-11-08",}` + "\n" +
		`{"candidate_id":"M` + "\xfc" + `ller, ` + "\xc4" + `nne","test_id":"T1","event_type":"a","timestamp":"2025-11-08"}` + "\n" +
		`{"candidate_id":"C2","test_id":"T1","event_type":"a","timestamp":"2025-11-08"}`)
	warned := csv()
	warned.Body = strings.NewReader("event_id," + header + strings.Repeat(`"Müller, Änne","Müller, Änne",T1,a,2025-11-08,n`+"\n", 3) + "7,C2,T1,a,2025-11-08,n\n")
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf(`"Müller, Änne",T%d,a,2025-11-08,`, i), fmt.Sprintf(`"Müller, Änne",T%d,a,never,x%d`, i, i), fmt.Sprintf(`C%d,T%d,a,never,y%d`, i, i, i))
	}
	long := strings.Repeat("x", 200)
	return map[string]eventmetrics.File{
		"valid rows":                  csv(`"Müller, Änne",T1,a,2025-11-08,n`, `"Müller, Änne",T2,a,2025-11-08,`),
		"values with white space":     csv("\"\u200b Müller, Änne\u00a0\",T1,a,2025-11-08,n"),
		"a row without a time":        csv(`"Müller, Änne",T1,a,never,n`),
		"too many fields":             csv(`"Müller, Änne",T1,a,2025-11-08,n,x,y`),
		"too many fields, unquoted":   csv(`Müller, Änne,T1,a,2025-11-08,n,x`),
		"too many fields, late":       csv(`C3,T1,a,2025-11-08,` + long + `,"Müller, Änne",x`),
		"too few fields, unquoted":    csv(`Müller, Änne,T1,a`),
		"a quote that does not close": csv(`"Müller, Änne,T1,a,2025-11-08,n`),
		"a quote within a value":      csv(`"Müller, "Änne",T1,a,2025-11-08,n`, `C3,T1,a,2025-11-08,`+long+`"Müller, Änne"`),
		"a value that is too long":    csv(`"Müller, Änne",T1,a,2025-11-08,` + strings.Repeat("x", 2000)),
		"a row that is too long":      csv(`"Müller, Änne",T1,a,2025-11-08,` + strings.Repeat("x", 2<<20)),
		"bytes of Windows-1252":       csv("\"M\xfcller, \xc4nne\",T1,a,2025-11-08,n", "\"M\xfcller, \xc4nne\",T1,a,2025-11-08,n,x,y", "C3,T1,a,2025-11-08,"+long+",\"M\xfcller, \xc4nne\",x"),
		"semicolons":                  semicolon,
		"NDJSON":                      lines,
		"many rows":                   csv(many...),
		"the file name":               named(csv(), "Müller, Änne_2025.csv", ""),
		"the idempotency key":         named(csv(), "", "import of Müller, Änne 1"),
		"a further idempotency key":   named(csv(), "", "again"),
		"the words of a program":      csv(`C7,T7,a,2025-11-08,n`),
		"a warning":                   warned,
	}
}

func TestNothingIsLeftOfAnErasedSubject(t *testing.T) {
	for name, open := range map[string]func(*testing.T) backends{"SQLite": onSQLite, "MongoDB": onMongo, "MongoDB with blocks": onMongoBlocks} {
		t.Run(name, func(t *testing.T) {
			for place, f := range places() {
				t.Run(place, func(t *testing.T) { erased(t, open(t), f) })
			}
		})
	}
}

func erased(t *testing.T, b backends, f eventmetrics.File) {
	s := newService(t, b, nil)
	f.AllowDuplicate = true
	r, err := s.Upload(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Errors) > 0 && len(traces(t, b)) == 0 && r.Errors[0].Code != ingest.RowTooLong {
		t.Fatal("the name is nowhere before the erasure")
	}
	if f.IdempotencyKey == "again" {
		again := csv()
		again.IdempotencyKey = "further import of Müller, Änne"
		if r, err := s.Upload(t.Context(), again); err != nil || r.DuplicateOf == "" {
			t.Fatalf("the file again: %+v, %v", r, err)
		}
	}
	process(t, s, r.Batch.ID)
	for _, dry := range []bool{true, false} {
		got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: " " + person + " ", Counts: eventmetrics.SubtractCounts, DryRun: dry})
		if err != nil || !got.Complete() {
			t.Fatalf("dry run %v: got %+v, %v; want complete", dry, got, err)
		}
		if got.Events+got.Rows+got.Texts == 0 {
			t.Errorf("dry run %v: nothing was found: %+v", dry, got)
		}
	}
	if found := traces(t, b); len(found) > 0 {
		t.Errorf("left: %s", strings.Join(found, ", "))
	}
	again, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.SubtractCounts})
	if err != nil || again.Changed != 0 || !again.Complete() {
		t.Errorf("again: %+v, %v; want nothing to erase", again, err)
	}
	events := 0
	for e, err := range b.store.Events(t.Context(), r.Batch.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Field("candidate_id") == "C2" {
			events++
		}
	}
	if events != 1 {
		t.Errorf("%d events of the other subject are left, want 1", events)
	}
}

// TestARowOfAnotherSubjectStays holds the other side: what only resembles the
// subject is kept.
func TestARowOfAnotherSubjectStays(t *testing.T) {
	b := onSQLite(t)
	s := newService(t, b, nil)
	const rows = `"Müller, Ännes",T1,a,2025-11-08,n,x,y` + "\n" + `"AMüller, Änne",T1,a,never,n` + "\n" + `Müller,T1,a,never,Änne` + "\n" + `"Müller; Änne",T1,a,2025-11-08,n,x,y` + "\n"
	r, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(header + rows + "C2,T1,a,2025-11-08,n\n")})
	if err != nil || r.Batch.RejectedRows != 4 {
		t.Fatalf("%d rejected, %v", r.Batch.RejectedRows, err)
	}
	got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.KeepCounts})
	if err != nil || got.Rows != 0 || !got.Complete() {
		t.Errorf("got %+v, %v; want no row", got, err)
	}
}

// TestAnErasureThatLeavesSomethingIsNotComplete has the name where an erasure
// does not remove it.
func TestAnErasureThatLeavesSomethingIsNotComplete(t *testing.T) {
	for name, open := range map[string]func(*testing.T) backends{"SQLite": onSQLite, "MongoDB with blocks": onMongoBlocks} {
		for place, file := range map[string]string{
			"another column":            header + `C1,T1,a,2025-11-08,"talked to Müller, Änne"`,
			"an event id":               "event_id," + header + `"Müller, Änne 7",C1,T1,a,2025-11-08,n`,
			"an event type":             header + `C1,T1,"Müller, Änne",2025-11-08,n`,
			"the name of a column":      `candidate_id,test_id,event_type,timestamp,"Müller, Änne"` + "\n" + `C1,T1,a,2025-11-08,n`,
			"a column of a repair file": `candidate_id,test_id,event_type,timestamp,"Müller, Änne"` + "\n" + "C1,T1,a,2025-11-08,n\nC1,T1,a,never,n",
		} {
			t.Run(name+"/"+place, func(t *testing.T) {
				b := open(t)
				s := newService(t, b, nil)
				r, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(file)})
				if err != nil {
					t.Fatal(err)
				}
				if len(traces(t, b)) == 0 {
					t.Fatal("the name is nowhere")
				}
				got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.SubtractCounts})
				if err != nil || got.Complete() || got.Left == 0 || !slices.Equal(got.LeftIDs, []string{r.Batch.ID}) {
					t.Errorf("got %+v, %v; want the batch", got, err)
				}
				process(t, s, r.Batch.ID)
				if err := s.DeleteBatch(t.Context(), r.Batch.ID); err != nil {
					t.Fatal(err)
				}
				got, err = s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.SubtractCounts})
				if err != nil || !got.Complete() {
					t.Errorf("after the deletion: %+v, %v; want complete", got, err)
				}
				if found := traces(t, b); len(found) > 0 {
					t.Errorf("left after the deletion: %s", strings.Join(found, ", "))
				}
			})
		}
	}
}

func TestAnErasureIsNotCompleteWhileTheMetricsNameTheSubject(t *testing.T) {
	b := onSQLite(t)
	s := newService(t, b, []string{"note"})
	r, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(header + `C1,T1,"from Müller, Änne",2025-11-08,"for Müller, Änne"`)})
	if err != nil {
		t.Fatal(err)
	}
	process(t, s, r.Batch.ID)
	if err := b.store.(store.Retainer).PurgeEvents(t.Context(), r.Batch.ID); err != nil {
		t.Fatal(err)
	}
	got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.SubtractCounts})
	if err != nil || got.Complete() || got.LeftNames != 2 {
		t.Errorf("got %+v, %v; want an event type and a value of a dimension", got, err)
	}
}

func TestAnErasureIsNotCompleteWhileAnUploadWasCutOff(t *testing.T) {
	for name, open := range map[string]func(*testing.T) backends{"SQLite": onSQLite, "MongoDB": onMongo} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			s := newService(t, b, nil)
			w, err := b.store.Begin(t.Context(), store.NewID(time.Now()))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Attach(t.Context(), "repair", []byte(strings.Repeat(`"Müller, Änne"`, 1<<16))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond) // the clock of stores counts milliseconds
			got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.KeepCounts})
			if err != nil || got.Complete() || got.Unfinished != 1 {
				t.Errorf("got %+v, %v; want an unfinished upload", got, err)
			}
			if _, err := b.store.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			got, err = s.Erase(t.Context(), eventmetrics.Erasure{Subject: person, Counts: eventmetrics.KeepCounts})
			if err != nil || !got.Complete() {
				t.Errorf("after cleanup: %+v, %v; want complete", got, err)
			}
			if found := traces(t, b); len(found) > 0 {
				t.Errorf("left after cleanup: %s", strings.Join(found, ", "))
			}
		})
	}
}

func TestDeadLettersThatNameTheSubjectAreErased(t *testing.T) {
	b := onSQLite(t)
	s := newService(t, b, nil)
	for _, job := range []queue.Job{{Kind: "odd", ID: "text"}, {Kind: "odd", ID: "metadata", Metadata: "r=C4711"}} {
		if err := b.queue.Enqueue(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.queue.Consume(ctx, func(_ context.Context, job queue.Job) error {
			if job.ID == "text" {
				return errors.New(`row of "C4711" is odd`)
			}
			return errors.New("odd")
		})
	}()
	for stats := (queue.Stats{}); stats.Dead < 2; {
		var err error
		if stats, err = b.queue.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.dump(t), []byte("C4711")) {
		t.Fatal("the name is nowhere before the erasure")
	}
	got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: "C4711", Counts: eventmetrics.KeepCounts})
	if err != nil || !got.Complete() || got.DeadLetters != 2 {
		t.Errorf("got %+v, %v; want two dead letters", got, err)
	}
	if bytes.Contains(b.dump(t), []byte("C4711")) {
		t.Error("the name is left")
	}
}

func newService(t *testing.T, b backends, dimensions []string) *eventmetrics.Service {
	t.Helper()
	return eventmetrics.New(b.store, b.queue, &eventmetrics.Options{
		ReconcileEvery: -1, CleanupEvery: -1, ReprocessEvery: -1, AuditEvery: -1, Dimensions: dimensions,
		BeforeAccept: func(_ context.Context, e *metrics.Event) error {
			if e.Field("test_id") == "T7" {
				return errors.New("the room of Müller, Änne is full")
			}
			return nil
		},
	})
}

func process(t *testing.T, s *eventmetrics.Service, id string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := s.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Wait(t.Context(), id); err != nil || b.Status != store.Completed {
		t.Fatalf("batch is %s (%s), %v", b.Status, b.LastError, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
