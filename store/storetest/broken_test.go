package storetest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

// broken is a store that breaks one rule.
type broken struct {
	// how says what the store does wrong.
	how  string
	rule string
	// says is a part of the failure, which shows that the check failed for
	// this reason and not by accident.
	says  string
	patch func(p *patched)
}

// claimTimeout is the ClaimTimeout of broken stores.
const claimTimeout = 10 * time.Millisecond

func harness(patch func(p *patched)) storetest.Harness {
	open := func() *patched {
		p := newPatched()
		patch(p)
		return p
	}
	return storetest.Harness{
		ClaimTimeout: claimTimeout,

		Open:   func(*testing.T) store.Store { return open() },
		Reopen: func(_ *testing.T, st store.Store) store.Store { return st.(*patched).reopened() },
		PowerCut: func(*testing.T) (store.Store, func() store.Store) {
			p := open()
			return p, func() store.Store { p = p.afterPowerCut(); return p }
		},
		Dump: func(t *testing.T, st store.Store) []byte { return st.(*patched).dump(t) },
		Damage: func(_ *testing.T, st store.Store, id string) {
			p := st.(*patched)
			p.damaged = append(p.damaged, id)
		},
		OpenNarrow: func(*testing.T) store.Store { return open() },
		OpenPair: func(*testing.T) (a, b store.Store) {
			first := newPatched()
			second := patchedOn(first.Store)
			patch(first)
			patch(second)
			return first, second
		},
		Cut: func(_ *testing.T, st store.Store) (restore func()) {
			p := st.(*patched)
			p.away.Store(true)
			p.wasAway = true
			return func() { p.away.Store(false) }
		},
	}
}

func brokenStores() []broken {
	return slices.Concat(brokenWriters(), brokenEvents(), brokenTexts(), brokenBatches(), brokenKeys(), brokenStatuses(),
		brokenRecords(), brokenPendings(), brokenEffects(), brokenDayCounts(), brokenAnswers(), brokenLaws(), brokenRemovals(), brokenIterators(), brokenOptionals(), brokenDedupers(), brokenAddOwners(), brokenTakeKeys(), brokenAsOfs(), brokenUnpurgedDays(), brokenRebuilds(), brokenBegins(), brokenCommitsAgain(), brokenMeanwhiles(), brokenCuts(), brokenMoves(), brokenChanges(), brokenPowers(), brokenInspections(), brokenPairs(), brokenTimes())
}

func TestEachBrokenStoreFailsTheCheckOfItsRule(t *testing.T) {
	for _, b := range brokenStores() {
		t.Run(b.how, func(t *testing.T) {
			v := storetest.Try(t, harness(b.patch), b.rule)
			if v.Skipped {
				t.Fatal("the check was skipped")
			}
			if len(v.Failures) == 0 {
				t.Fatalf("the check %q passed", b.rule)
			}
			if b.says == "" || !v.Says(b.says) {
				t.Errorf("no failure says %q:\n%s", b.says, strings.Join(v.Failures, "\n"))
			}
		})
	}
}

func TestEachRuleIsBrokenByAStore(t *testing.T) {
	var proven []string
	for _, b := range brokenStores() {
		proven = append(proven, b.rule)
	}
	for _, name := range storetest.Rules() {
		if !slices.Contains(proven, name) {
			t.Errorf("no broken store proves that the check %q can fail", name)
		}
	}
}

func TestTheSoundStorePassesEveryRule(t *testing.T) {
	storetest.Run(t, harness(func(*patched) {}))
}

func TestFailuresQuoteTheRule(t *testing.T) {
	for _, b := range brokenStores()[:5] {
		v := storetest.Try(t, harness(b.patch), b.rule)
		if !v.Says("The rule: ") {
			t.Errorf("%s: the failure does not quote the rule", b.how)
		}
	}
}

func TestOptionalRulesAreSkippedWithoutTheInterface(t *testing.T) {
	bare := storetest.Harness{Open: func(*testing.T) store.Store {
		return struct{ store.Store }{newPatched()}
	}}
	for _, name := range storetest.Rules() {
		before, _, prefixed := strings.Cut(name, ": ")
		optional := prefixed && !strings.Contains(before, " ") || strings.Contains(name, "survives") || strings.Contains(name, "after the process")
		if !optional {
			continue
		}
		if v := storetest.Try(t, bare, name); !v.Skipped || len(v.Failures) > 0 {
			t.Errorf("%q was not skipped", name)
		}
	}
}
