package mongostore_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// documented returns the indexes that docs/operations.md names, besides that on _id
// alone, by collection.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| collection | documents | unique | other indexes |")
	table, _, _ = strings.Cut(table, "\n\n")
	found := map[string][]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		name := strings.Trim(cells[1], " `")
		found[name] = []string{}
		for _, index := range regexp.MustCompile("`\\{[^`]*\\}`").FindAllString(cells[3]+cells[4], -1) {
			found[name] = append(found[name], strings.Trim(index, "`"))
		}
	}
	return found
}

// indexes returns the indexes of a database as docs/operations.md writes them.
func indexes(t *testing.T, uri string) map[string][]string {
	t.Helper()
	db := database(t, uri)
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, name := range names {
		found[name] = []string{}
		cursor, err := db.Collection(name).Indexes().List(t.Context())
		var all []struct {
			Key bson.D `bson:"key"`
		}
		if err == nil {
			err = cursor.All(t.Context(), &all)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range all {
			if written := written(index.Key); written != "{_id}" {
				found[name] = append(found[name], written)
			}
		}
	}
	return found
}

func written(key bson.D) string {
	var parts []string
	for _, e := range key {
		if order := fmt.Sprint(e.Value); order == "1" {
			parts = append(parts, e.Key)
		} else {
			parts = append(parts, e.Key+": "+order)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func TestTheManualNamesAllCollectionsAndIndexes(t *testing.T) {
	uri := testenv.Mongo(t)
	st := opened(t, uri)
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range 10 { // some with groups
		enter(t, st, batchID(i), random(t, rng, 20))
	}
	foldAll(t, st)
	w := begun(t, st, batchID(20), store.Fingerprint{1})
	if err := w.Write(t.Context(), []metrics.Event{{Row: 1, Type: "t"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(t.Context(), "rejected", []byte("x")); err != nil {
		t.Fatal(err)
	}
	b := store.Batch{Created: time.Now(), IdempotencyKey: "k", KeyExpires: time.Now().Add(time.Hour)}
	if _, err := w.Commit(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	erasable(t, openedBlocks(t, uri), batchID(21))
	manual, real := documented(t), indexes(t, uri)
	for _, name := range slices.Sorted(maps.Keys(real)) {
		want, ok := manual[name]
		if !ok {
			t.Errorf("docs/operations.md does not name the collection %s", name)
			continue
		}
		slices.Sort(want)
		slices.Sort(real[name])
		if d := cmp.Diff(want, real[name]); d != "" {
			t.Errorf("indexes of %s (-docs/operations.md +database): %s", name, d)
		}
		delete(manual, name)
	}
	delete(manual, "deployment") // made by the server
	if len(manual) > 0 {
		t.Errorf("docs/operations.md names collections that there are not: %v", manual)
	}
}
