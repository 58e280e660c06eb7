// Package fingerprints sorts fingerprints for the stores that are a
// store.Deduper.
package fingerprints

import (
	"encoding/binary"
	"slices"

	"github.com/eventmetrics/eventmetrics/store"
)

// Compare orders fingerprints as bytes.Compare does.
func Compare(a, b *store.Fingerprint) int {
	x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if x == y {
		x, y = binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// Distinct returns the distinct fingerprints of fps in ascending order, and the
// index there of each of fps.
func Distinct(fps []store.Fingerprint) (sorted []store.Fingerprint, places []int) {
	places = make([]int, len(fps))
	sorted = make([]store.Fingerprint, 0, len(fps))
	for _, i := range order(fps) {
		if n := len(sorted); n == 0 || sorted[n-1] != fps[i] {
			sorted = append(sorted, fps[i])
		}
		places[i] = len(sorted) - 1
	}
	return sorted, places
}

// head is the first half of a fingerprint, and its index.
type head struct {
	first uint64
	index int
}

// order returns the indexes of fps so that they ascend. It sorts by the first
// halves, byte by byte from the last, and then those few that have equal ones.
func order(fps []store.Fingerprint) []int {
	heads, next := make([]head, len(fps)), make([]head, len(fps))
	var counts [8][256]int
	for i := range fps {
		heads[i] = head{binary.BigEndian.Uint64(fps[i][:8]), i}
		for digit := range counts {
			counts[digit][byte(heads[i].first>>(8*digit))]++
		}
	}
	for digit := range counts {
		if slices.Contains(counts[digit][:], len(fps)) { // all have the same
			continue
		}
		at := 0
		for value, n := range counts[digit] {
			counts[digit][value], at = at, at+n
		}
		for _, h := range heads {
			place := &counts[digit][byte(h.first>>(8*digit))]
			next[*place] = h
			*place++
		}
		heads, next = next, heads
	}
	out := make([]int, len(fps))
	for i, h := range heads {
		out[i] = h.index
	}
	for from, to := 0, 0; from < len(heads); from = to {
		for to = from + 1; to < len(heads) && heads[to].first == heads[from].first; to++ {
		}
		if to > from+1 {
			slices.SortFunc(out[from:to], func(i, j int) int { return Compare(&fps[i], &fps[j]) })
		}
	}
	return out
}

// Answers returns the answer of Claim for each fingerprint of the call, from the
// owners of the distinct ones. A fingerprint without an owner has become that of
// the batch with this id, which is the answer where it occurs again. It changes
// owners.
func Answers(owners []string, places []int, id string) []string {
	answers := make([]string, len(places))
	for i, place := range places {
		if answers[i] = owners[place]; answers[i] == "" {
			owners[place] = id
		}
	}
	return answers
}
