package history_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// event is a row that was accepted.
type event struct {
	kind, subject, id string
	at                time.Time
	values            map[string]string // of the other columns, without empty ones
	// gone means that an erasure or the retention has removed the raw event,
	// subtracted that it counts no more.
	gone, subtracted bool
	// kept means that it counts although it was erased. It is broken down by
	// these dimensions then.
	kept   bool
	keptBy []string
}

// rejected is a row that was not accepted.
type rejected struct {
	number, line int
	code, column string
	subject      string // "" if the row has none
	fixed        event  // what was meant
	gone         bool
}

// state is the status of a batch once nothing is under way.
type state string

const (
	uploaded  state = "uploaded"
	queued    state = "queued" // and so completed soon, or failed
	completed state = "completed"
	failed    state = "failed"
)

// batch is a file that was stored.
type batch struct {
	id, sha, schema, name, key, repairOf string

	reading    reading
	events     []*event
	rejected   []*rejected
	duplicates int
	claims     []string // what no other batch may have

	state state
	// poisoned means that its job fails with this text; dead that its job is a
	// dead letter.
	poison string
	dead   bool
	died   time.Time // by the clock of the queue
	// retried means that a process was killed while it retried the dead letter:
	// the batch may be failed until the job runs.
	retried   bool
	lastError string // a part of it, "" for none

	dimensions []string // by which its counts are broken down
	erased     int
	purged     bool // its raw events are gone
	cleared    bool // its rejected rows are gone
	archived   bool
	created    time.Time
	keyExpires time.Time
	// further are the keys of requests that were answered with this batch as a
	// duplicate, and when they expire.
	further map[string]time.Time
	// recorded lies between these two times of the clock.
	recordedFrom, recordedTo time.Time
}

// model is what a server must know.
type model struct {
	batches []*batch        // in the order of their upload, without those that were deleted
	files   []*file         // that were ever sent
	retired map[string]bool // keys that are not used any more
	// doubled are contents that were stored although they were there. They are
	// always stored again: the content belongs to one batch only, and is free
	// when that one is deleted.
	doubled map[string]bool
	keys    int
}

// keyTime is how long a batch has a key.
const keyTime = 24 * time.Hour

// takeKey gives the batch the key of a duplicate.
func (b *batch) takeKey(key string, at time.Time) {
	if b.further == nil {
		b.further = map[string]time.Time{}
	}
	b.further[key] = at.Add(keyTime)
}

// keyEnd returns when a key of the batch expires, or the zero time.
func (b *batch) keyEnd(key string) time.Time {
	if b.key == key {
		return latest(b.keyExpires, b.further[key])
	}
	return b.further[key]
}

// allKeys returns the keys of the batch, sorted.
func (b *batch) allKeys() []string {
	keys := slices.Collect(maps.Keys(b.further))
	if b.key != "" {
		keys = append(keys, b.key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// retireKeys retires the further keys that have expired: cleanup may remove them,
// and then they are free if the clock is set back.
func (m *model) retireKeys(now time.Time) {
	for _, b := range m.batches {
		for key, end := range b.further {
			m.retired[key] = m.retired[key] || !end.After(now)
		}
	}
}

func (b *batch) unusual() bool { return b.purged || b.archived }

// visible returns the batches that are not archived.
func (m *model) visible() []*batch {
	return slices.DeleteFunc(slices.Clone(m.batches), func(b *batch) bool { return b.archived })
}

// where returns the visible batches for which a condition holds.
func (m *model) where(holds func(*batch) bool) []*batch {
	return slices.DeleteFunc(m.visible(), func(b *batch) bool { return !holds(b) })
}

func (m *model) byID(id string) *batch {
	for _, b := range m.batches {
		if b.id == id {
			return b
		}
	}
	return nil
}

func (m *model) remove(b *batch) {
	m.batches = slices.DeleteFunc(m.batches, func(other *batch) bool { return other == b })
}

// sharing returns the batches that have the content of a file under a schema.
func (m *model) sharing(sha, schema string) (all []*batch) {
	for _, b := range m.batches {
		if b.sha == sha && b.schema == schema {
			all = append(all, b)
		}
	}
	return all
}

// claimed returns what the batches have that were uploaded with dedupe.
func (m *model) claimed() map[string]bool {
	all := map[string]bool{}
	for _, b := range m.batches {
		for _, c := range b.claims {
			all[c] = true
		}
	}
	return all
}

// repairs returns the batches that repair another one.
func (m *model) repairs(id string) []*batch {
	return m.where(func(b *batch) bool { return b.repairOf == id })
}

// open returns the number of rejected rows that no repair has replaced.
func (m *model) open(b *batch) int {
	n := len(b.rejected)
	for _, r := range m.repairs(b.id) {
		n -= len(r.events)
	}
	return max(n, 0)
}

// counting returns the events of a batch that count.
func (b *batch) counting() (all []*event) {
	for _, e := range b.events {
		if !e.subtracted {
			all = append(all, e)
		}
	}
	return all
}

// raw returns the events of a batch that are still stored.
func (b *batch) raw() (all []*event) {
	for _, e := range b.events {
		if !e.gone {
			all = append(all, e)
		}
	}
	return all
}

// dimensionsOf returns the dimensions by which an event is broken down. Those
// of an erased one are fixed.
func (b *batch) dimensionsOf(e *event) []string {
	if e.kept && !sameNames(e.keptBy, b.dimensions) {
		return nil
	}
	return b.dimensions
}

// brokenDown returns the dimensions by which anything of the batch is broken
// down.
func (b *batch) brokenDown() []string {
	for _, e := range b.counting() {
		if names := b.dimensionsOf(e); len(names) > 0 {
			return names
		}
	}
	return nil
}

// canBeBrokenDown reports whether any event of the batch has values of
// dimensions.
func (b *batch) canBeBrokenDown(dimensions []string) bool {
	for _, e := range b.counting() {
		if len(dimensions) > 0 && (!e.gone || e.kept && sameNames(e.keptBy, dimensions)) {
			return true
		}
	}
	return false
}

// breakDown breaks down a batch that was recorded without dimensions, as every
// correction of its counts does.
func (b *batch) breakDown(dimensions []string) {
	if len(b.brokenDown()) == 0 && b.canBeBrokenDown(dimensions) {
		b.dimensions = dimensions
	}
}

// cells counts the events of completed batches by UTC day and type.
func (m *model) cells() map[[2]string]int {
	all := map[[2]string]int{}
	for _, b := range m.batches {
		if b.state != completed {
			continue
		}
		for _, e := range b.counting() {
			all[cellOf(e)]++
		}
	}
	return all
}

func cellOf(e *event) [2]string { return [2]string{e.at.UTC().Format(time.DateOnly), e.kind} }

func sortedKeys[V any](m map[[2]string]V) [][2]string {
	return slices.SortedFunc(maps.Keys(m), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
}

// text describes an event for a comparison.
func (e *event) text() string {
	parts := []string{e.at.UTC().Format(time.RFC3339Nano), e.kind, e.subject, "#" + e.id}
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		parts = append(parts, name+"="+e.values[name])
	}
	return strings.Join(parts, " ")
}
