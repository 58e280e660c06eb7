package sqlitestore_test

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// content is all that a store answers, in words that no version changes.
type content struct {
	Batches   []batchContent // newest first
	AsOf      time.Time
	Days      []string // totals
	AllParts  string   // with quarter hours, subjects and groups
	PartsAsOf string
	Owners    []string // of someFingerprints from 145 to 155
}

type batchContent struct {
	ID, FileName, SHA256            string
	Accepted, Rejected, Duplicates  int64
	Erased                          int64
	Erasure, Status, LastError, Key string
	RepairOf                        string
	KeyExpires, Created, Updated    time.Time
	Purged                          bool
	Events                          string
	Attachments                     map[string]string
	Contribution, Pending           string
	FurtherKeys                     []string `json:",omitempty"`
}

// contentOf reads everything. AsOf is a time at which a part was recorded.
func contentOf(t testing.TB, st *sqlitestore.Store, asOf time.Time) content {
	t.Helper()
	parts := metrics.AllParts()
	c := content{AsOf: asOf, Days: lines(dailies(t, st, metrics.Filter{})), AllParts: digest(lines(dailies(t, st, parts))...)}
	parts.AsOf = asOf
	c.PartsAsOf = digest(lines(dailies(t, st, parts))...)
	all, err := st.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		c.Batches = append(c.Batches, batchContentOf(t, st, &all[i]))
	}
	if c.Owners, err = st.Owners(t.Context(), someFingerprints(145, 155)); err != nil {
		t.Fatal(err)
	}
	return c
}

func batchContentOf(t testing.TB, st *sqlitestore.Store, b *store.Batch) batchContent {
	t.Helper()
	c := batchContent{
		ID: b.ID, FileName: b.FileName, SHA256: b.SHA256, Accepted: b.AcceptedRows, Rejected: b.RejectedRows, Duplicates: b.DuplicateRows,
		Erased: b.Erased, Erasure: b.Erasure, Status: string(b.Status), LastError: b.LastError, Key: b.IdempotencyKey, RepairOf: b.RepairOf,
		KeyExpires: b.KeyExpires, Created: b.Created, Updated: b.Updated, Purged: b.EventsPurged, Attachments: map[string]string{},
	}
	c.Events = eventsOf(t, st.Events(t.Context(), b.ID))
	for _, name := range []string{"errors", "warnings", "repair", "trace", "kept " + b.Erasure, "contribution"} {
		text, err := store.ReadAttachment(t.Context(), st, b.ID, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 {
			c.Attachments[name] = digest(string(text))
		}
	}
	keys, err := st.Keys(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if key != b.IdempotencyKey {
			c.FurtherKeys = append(c.FurtherKeys, key)
		}
	}
	ledger, err := st.Contribution(t.Context(), b.ID)
	if err == nil {
		c.Contribution = digest(lines(ledger)...)
	} else if !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	pending, err := st.Pending(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(pending) > 0 {
		c.Pending = digest(lines(pending)...)
	}
	return c
}

func eventsOf(t testing.TB, events iter.Seq2[metrics.Event, error]) string {
	t.Helper()
	var text strings.Builder
	for e, err := range events {
		if errors.Is(err, store.ErrEventsPurged) {
			return digest("purged")
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%d %q %q %s %q\n", e.Row, e.ID, e.Type, e.Time.UTC().Format(time.RFC3339Nano), e.Fields)
	}
	return digest(text.String())
}

func digest(lines ...string) string {
	text := strings.Join(lines, "\n")
	return fmt.Sprintf("%d bytes, sha256 %x", len(text), sha256.Sum256([]byte(text)))
}

func lines(c metrics.Contribution) []string {
	var all []string
	for _, d := range c {
		uniques := ""
		if d.Subjects != nil {
			uniques = strconv.FormatInt(d.Subjects.Estimate(), 10)
		}
		var line strings.Builder
		fmt.Fprintf(&line, "%v %s %q %d uniques %s slots", d.Day, d.Type, d.Group, d.Count, cmp.Or(uniques, "-"))
		if d.Slots != nil {
			for i, n := range d.Slots.Each() {
				fmt.Fprintf(&line, " %d:%d", i, n)
			}
		}
		all = append(all, line.String())
	}
	return all
}

// someFingerprints returns those of a batch with numbered fingerprints.
func someFingerprints(from, to int) []store.Fingerprint {
	var all []store.Fingerprint
	for i := from; i < to; i++ {
		all = append(all, store.Fingerprint{byte(i * 37), byte(i), byte(i >> 8), 7})
	}
	return all
}
