package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/store"
)

func TestStatusesAreInTheOrderOfABatchsLife(t *testing.T) {
	want := []store.Status{"uploaded", "queued", "processing", "completed", "failed"}
	if d := cmp.Diff(want, store.Statuses()); d != "" {
		t.Error(d)
	}
	store.Statuses()[0] = "scribble"
	if d := cmp.Diff(want, store.Statuses()); d != "" {
		t.Errorf("the caller's change shows: %s", d)
	}
}

func TestBatchQueryMatches(t *testing.T) {
	at := time.Date(2025, 11, 8, 12, 0, 0, 0, time.UTC)
	b := store.Batch{ID: "b", Status: store.Failed, RepairOf: "a", Updated: at}
	for _, tc := range []struct {
		name string
		q    store.BatchQuery
		want bool
	}{
		{"everything by default", store.BatchQuery{}, true},
		{"whatever the limit", store.BatchQuery{Limit: -5}, true},
		{"one of several statuses", store.BatchQuery{Statuses: []store.Status{store.Queued, store.Failed}}, true},
		{"no other status", store.BatchQuery{Statuses: []store.Status{store.Queued}}, false},
		{"what it repairs", store.BatchQuery{RepairOf: "a"}, true},
		{"nothing that repairs another", store.BatchQuery{RepairOf: "b"}, false},
		{"what was changed before", store.BatchQuery{UpdatedBefore: at.Add(time.Millisecond)}, true},
		{"not what was changed at that moment", store.BatchQuery{UpdatedBefore: at}, false},
		{"what is older than the cursor", store.BatchQuery{After: "c"}, true},
		{"not the cursor itself", store.BatchQuery{After: "b"}, false},
		{"nothing newer than the cursor", store.BatchQuery{After: "a"}, false},
		{"nothing if one condition fails", store.BatchQuery{RepairOf: "a", After: "a"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.q.Match(&b); got != tc.want {
				t.Errorf("Match is %t, want %t", got, tc.want)
			}
		})
	}
}

func TestBatchQuerySizeHasADefaultAndAMaximum(t *testing.T) {
	for limit, want := range map[int]int{
		-1: store.DefaultLimit, 0: store.DefaultLimit, 1: 1, 99: 99,
		store.MaxLimit: store.MaxLimit, store.MaxLimit + 1: store.MaxLimit,
	} {
		q := store.BatchQuery{Limit: limit}
		if got := q.Size(); got != want {
			t.Errorf("Limit %d: Size is %d, want %d", limit, got, want)
		}
	}
}
