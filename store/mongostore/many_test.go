package mongostore_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// longest returns the length of the longest $in in a document.
func longest(doc bson.Raw) (n int) {
	elements, _ := doc.Elements()
	for _, e := range elements {
		inner := e.Value()
		list, isList := inner.ArrayOK()
		if values, _ := list.Values(); isList && e.Key() == "$in" {
			n = max(n, len(values))
		}
		if isList {
			n = max(n, longest(bson.Raw(list)))
		} else if d, ok := inner.DocumentOK(); ok {
			n = max(n, longest(d))
		}
	}
	return n
}

// Many batches that are not folded, as after an hour without a process that folds,
// are looked for in pieces.
func TestManyUnfoldedBatchesAreReadInPieces(t *testing.T) {
	uri := testenv.Mongo(t)
	db := database(t, uri)
	var most atomic.Int64
	st := openSeen(t, uri, &net.Dialer{}, func(_ context.Context, e *event.CommandStartedEvent) {
		if n := int64(longest(e.Command)); n > most.Load() {
			most.Store(n)
		}
	})
	one := metrics.Contribution{{Day: metrics.DayOf(start), Type: "done", Count: 1, Slots: &metrics.Slots{}, Subjects: &metrics.Sketch{}}}
	one[0].Slots.Add(0, 1)
	slots, err := one.AppendPart(nil, metrics.SlotsPart())
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := one.AppendPart(nil, metrics.SubjectsPart())
	if err != nil {
		t.Fatal(err)
	}
	const batches = 1100
	var sums []metrics.Contribution
	docs := map[string][]any{}
	for i := range batches {
		id, revision, date := batchID(i), fmt.Sprintf("%024x", i), one[0].Day.String()
		docs["journal"] = append(docs["journal"], bson.M{"_id": revision, "batch_id": id, "noted_at": start})
		docs["contributions"] = append(docs["contributions"], bson.M{
			"_id": id, "revision": revision, "void": false, "change": revision, "changed_at": start, "recorded_at": start,
			"total_events": 1, "cells": 1, "shares": 1, "purged": i%2 == 0, "folded": "", "folded_purged": false, "epoch": "",
		})
		docs["shares"] = append(docs["shares"], bson.M{
			"_id": id + "/" + revision + "/" + date + "/000000", "batch_id": id, "revision": revision, "date": date,
			"metrics": bson.A{bson.M{"event_type": "done", "count": 1}}, "slots": bson.Binary{Data: slots}, "subjects": bson.Binary{Data: subjects},
		})
		sums = append(sums, one)
	}
	for _, name := range []string{"shares", "journal", "contributions"} {
		for some := range slices.Chunk(docs[name], 500) {
			if _, err := db.Collection(name).InsertMany(t.Context(), some); err != nil {
				t.Fatal(err)
			}
		}
	}
	dailyIs(t, st, sums...)
	if got := unpurged(t, st); !slices.Equal(got, []metrics.Day{one[0].Day}) {
		t.Errorf("unpurged days: %v", got)
	}
	if n := most.Load(); n > 1000 || n < 500 {
		t.Errorf("a command looks for %d values", n)
	}
}
