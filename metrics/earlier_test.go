package metrics_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// What earlier releases wrote stays readable, because ledgers have it.
func TestEncodingsOfEarlierReleasesAreRead(t *testing.T) {
	totals := metrics.Contribution{
		{Day: 20400, Type: "a", Count: 3, Slots: &metrics.Slots{}, Subjects: &metrics.Sketch{}},
		{Day: 20400, Type: "ab", Count: 1},
		{Day: 20402, Type: "b", Count: 2},
	}
	totals[0].Slots.Add(5, 2)
	totals[0].Slots.Add(95, 1)
	totals[0].Subjects.Add("x")
	totals[0].Subjects.Add("y")
	country := metrics.NewGroup(metrics.Field{Name: "country", Value: "DE"})
	groups := metrics.Contribution{{Day: 20400, Type: "a", Group: country, Count: 3, Slots: totals[0].Slots}}
	for name, c := range map[string]struct {
		encoding string
		want     metrics.Contribution
	}{
		"version 1": {"0103e0be02016106050504590260090100c80b0500ca0c0100026162020000040162040000", totals},
		"version 2": {
			"02e0be02000161000006050504590260090100c80b0500ca0c01000100000d636f756e7472790000444500000605050459026000000101620000020000040001620000040000",
			totals.WithGroups(groups),
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(c.encoding)
			if err != nil {
				t.Fatal(err)
			}
			got, err := metrics.DecodeContribution(b, metrics.AllParts())
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Error(d, err)
			}
			one, err := metrics.DecodeContribution(b, metrics.Filter{Types: []string{"ab"}})
			if d := cmp.Diff(totals[1:2], one); d != "" || err != nil {
				t.Error(d, err)
			}
			if _, err := metrics.DecodeContribution(b[:len(b)-1], metrics.AllParts()); !errors.Is(err, metrics.ErrCorrupt) {
				t.Errorf("without its last byte: got %v, want %v", err, metrics.ErrCorrupt)
			}
		})
	}
}
