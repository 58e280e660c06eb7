// Package fingerprints sorts fingerprints for the stores that are a
// store.Deduper.
package fingerprints

import (
	"bytes"
	"slices"

	"github.com/eventmetrics/eventmetrics/store"
)

// Compare orders fingerprints.
func Compare(a, b *store.Fingerprint) int { return bytes.Compare(a[:], b[:]) }

// Distinct returns the distinct fingerprints of fps in ascending order, and the
// index there of each of fps.
func Distinct(fps []store.Fingerprint) (sorted []store.Fingerprint, places []int) {
	order := make([]int, len(fps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return Compare(&fps[i], &fps[j]) })
	places = make([]int, len(fps))
	sorted = make([]store.Fingerprint, 0, len(fps))
	for _, i := range order {
		if n := len(sorted); n == 0 || sorted[n-1] != fps[i] {
			sorted = append(sorted, fps[i])
		}
		places[i] = len(sorted) - 1
	}
	return sorted, places
}

// Answers returns the answer of Claim for each fingerprint of the call, from the
// owners of the distinct ones. A fingerprint without an owner has become that of
// the batch with this id, which is the answer where it occurs again.
func Answers(owners []string, places []int, id string) []string {
	had := slices.Clone(owners)
	answers := make([]string, len(places))
	for i, place := range places {
		if answers[i] = had[place]; answers[i] == "" {
			had[place] = id
		}
	}
	return answers
}
