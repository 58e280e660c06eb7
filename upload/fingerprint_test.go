package upload

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func TestFingerprintsOfAMinuteAreTogether(t *testing.T) {
	var h rowHasher
	at := func(second int, who string) store.Fingerprint {
		return h.fingerprint(&metrics.Event{Time: time.Unix(int64(second), 0), Type: "a", Fields: []metrics.Field{{Name: "candidate_id", Value: who}}})
	}
	minute := func(fp store.Fingerprint) string { return hex.EncodeToString(fp[:minuteBytes]) }
	first := at(7200, "C1")
	for what, fp := range map[string]store.Fingerprint{"another row": at(7259, "C2"), "a repeat": h.occurrence(first, 2)} {
		if minute(fp) != minute(first) || fp == first {
			t.Errorf("%s of the same minute has %x, the first row %x", what, fp, first)
		}
	}
	if earlier, later := minute(at(7199, "C1")), minute(at(7260, "C1")); earlier >= minute(first) || later <= minute(first) {
		t.Errorf("the minutes %s, %s and %s do not ascend", earlier, minute(first), later)
	}
}
