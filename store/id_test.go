package store_test

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func TestIDTimeIsTheTimeOfNewID(t *testing.T) {
	for _, at := range []time.Time{time.UnixMilli(0).UTC(), time.Date(2025, 11, 8, 1, 2, 3, 4_999_999, time.UTC), time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got, ok := store.IDTime(store.NewID(at)); !ok || !got.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("got %v, %v; want %v", got, ok, at)
		}
	}
	for _, id := range []string{"", "kept", "01955193-eda", "01955193_eda0", "0195519x-eda0-7000"} {
		if _, ok := store.IDTime(id); ok {
			t.Errorf("%q has a time", id)
		}
	}
}
