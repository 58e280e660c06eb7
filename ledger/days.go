package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// compareDays compares the daily sums of all days with the ledger, and has the
// store rebuild them if some are wrong.
func (l *Ledger) compareDays(ctx context.Context, r *Report) error {
	for at := metrics.Day(0); ; {
		day, err := l.nextDay(ctx, at)
		if err != nil {
			return err
		}
		if day == 0 || len(r.WrongDays) == maxDrifts { // all sums are rebuilt anyway
			break
		}
		at = max(at, day) + 1
		wrong, err := l.wrongDay(ctx, day)
		if err != nil {
			return err
		}
		if wrong != nil {
			r.WrongDays = append(r.WrongDays, *wrong)
		}
	}
	sums, ok := store.As[store.Auditor](l.store)
	if len(r.WrongDays) == 0 && !l.audit.sumsDamaged() || !ok {
		return nil
	}
	err := sums.Rebuild(ctx)
	if isPermanent(ctx, err) { // it is the ledger that is damaged, so another try would not help
		l.logger.ErrorContext(ctx, "rebuilding daily sums failed", "err", err)
		return nil
	}
	r.Rebuilt = err == nil
	return err
}

// isPermanent reports whether an error would occur again: neither is the store
// unavailable, nor has ctx ended.
func isPermanent(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable)
}

// auditDays compares the daily sums with the ledger: those of days with findings,
// then those of the next days, and continues with the first.
func (l *Ledger) auditDays(ctx context.Context, r *Round) error {
	l.audit.mu.Lock()
	known := l.audit.wrongDays.some(roundDays / 2)
	l.audit.mu.Unlock()
	for _, day := range known {
		if err := l.auditDay(ctx, day, r); err != nil {
			return err
		}
	}
	w := &l.audit.days
	if w.Began.IsZero() {
		l.audit.locked(func() { w.begin(l.now(), metrics.DayOf(l.now())-metrics.Day(rand.IntN(365))) })
	}
	for r.Days < roundDays {
		day, err := l.nextDay(ctx, w.at)
		if err != nil {
			return err
		}
		if w.wrapped && (day == 0 || day >= w.start) {
			l.audit.locked(func() { w.complete(l.now()) })
			return nil
		}
		if day == 0 {
			l.audit.locked(func() { w.at, w.wrapped = 0, true })
			continue
		}
		if err := l.auditDay(ctx, day, r); err != nil {
			return err
		}
		l.audit.locked(func() {
			w.at = day + 1
			w.Seen++
		})
	}
	return nil
}

// nextDay returns the first day, from a day on, with daily sums or an entry in
// the ledger, or 0. It asks for a month and then for all others. If some of those
// cannot be read, it asks for ranges that grow until one has a day, and shrink
// where one cannot be read. If a day of a month cannot be read, it returns the
// first day of that month.
func (l *Ledger) nextDay(ctx context.Context, from metrics.Day) (metrics.Day, error) {
	const month = 31
	day, err := l.nextIn(ctx, from, from+month-1)
	if day != 0 || err != nil && !isPermanent(ctx, err) {
		return day, err
	}
	if err == nil {
		from += month
		if day, err = l.nextIn(ctx, from, 0); !isPermanent(ctx, err) {
			return day, err
		}
	}
	last := metrics.DayOf(l.now()) + 366
	for size := metrics.Day(month); from <= last; {
		day, err := l.nextIn(ctx, from, from+size-1)
		switch {
		case isPermanent(ctx, err) && size == month:
			return max(from, 1), nil // 0 means none
		case isPermanent(ctx, err):
			size = max(size/4, month)
		case day != 0 || err != nil:
			return day, err
		default:
			from, size = from+size, size*2
		}
	}
	return l.nextIn(ctx, from, 0)
}

// nextIn returns the first day of a range with daily sums or an entry in the
// ledger, or 0. It reads the ledger only before the first day with sums.
func (l *Ledger) nextIn(ctx context.Context, from, to metrics.Day) (metrics.Day, error) {
	day, err := l.firstDay(ctx, metrics.Filter{From: from, To: to})
	if err != nil {
		return 0, err
	}
	if day != 0 {
		to = day - 1
	}
	missing, err := l.firstDay(ctx, metrics.Filter{From: from, To: to, Ledger: true})
	if missing != 0 || err != nil {
		return missing, err
	}
	return day, nil
}

// firstDay returns the first day of an answer, or 0.
func (l *Ledger) firstDay(ctx context.Context, q metrics.Filter) (metrics.Day, error) {
	if q.To != 0 && q.To < q.From {
		return 0, nil
	}
	for d, err := range l.store.DayCounts(ctx, q) {
		if err != nil {
			return 0, fmt.Errorf("eventmetrics: find the next day to audit: %w", err)
		}
		return d.Day, nil
	}
	return 0, nil
}

// auditDay audits one day. A finding is no error.
func (l *Ledger) auditDay(ctx context.Context, day metrics.Day, r *Round) error {
	r.Days++
	wrong, err := l.wrongDay(ctx, day)
	if err != nil {
		return err
	}
	l.audit.locked(func() {
		if wrong == nil {
			l.audit.wrongDays.drop(day)
		} else if l.audit.wrongDays.put(day, *wrong) {
			l.logger.ErrorContext(ctx, "daily sum differs from ledger", "day", day, "ledger", wrong.Ledger, "sum", wrong.Sum, "err", wrong.Err)
		}
	})
	return nil
}

// wrongDay compares the sums of a day with the ledger; nil means that they agree.
func (l *Ledger) wrongDay(ctx context.Context, day metrics.Day) (*WrongDay, error) {
	wrong, err := l.compareDay(ctx, day)
	if isPermanent(ctx, err) {
		return &WrongDay{Day: day, Err: clip.Text(err.Error(), 500)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("eventmetrics: compare %v with the ledger: %w", day, err)
	}
	return wrong, nil
}

// compareDay compares the sums of a day with the ledger. Both may change
// meanwhile. So the sums are only wrong if they differ three times in the same
// way while the ledger stays the same. A day that keeps changing is left to the
// next round.
func (l *Ledger) compareDay(ctx context.Context, day metrics.Day) (*WrongDay, error) {
	const needed, tries = 3, 10
	var last answers
	for agreed, try := 0, 0; try < tries; try++ {
		ledger, err := l.dayOf(ctx, day, metrics.AllParts(), true)
		if err != nil {
			return nil, err
		}
		sums, err := l.readAnswers(ctx, day)
		if err != nil || sums.equal(answersOf(ledger)) {
			return nil, err
		}
		after, err := l.dayOf(ctx, day, metrics.AllParts(), true)
		switch {
		case err != nil:
			return nil, err
		case !equal(ledger, after) || agreed > 0 && !last.equal(sums):
			agreed = 0
			continue
		}
		last = sums
		if agreed++; agreed == needed {
			return describe(day, answersOf(ledger), sums), nil
		}
	}
	return nil, nil //nolint:nilnil // undecided
}

// answers are the answers to queries about a day. Stores may keep counts and
// details apart, so both are compared.
type answers struct{ counts, all metrics.Contribution }

// countsOnly selects the counts of totals.
var countsOnly = metrics.Filter{}

// answersOf returns the answers that follow from the ledger.
func answersOf(ledger metrics.Contribution) answers {
	counts := slices.Clone(ledger.Totals())
	for i := range counts {
		countsOnly.Trim(&counts[i])
	}
	return answers{counts, ledger}
}

func (d answers) equal(other answers) bool {
	return equal(d.counts, other.counts) && equal(d.all, other.all)
}

// readAnswers reads the answers of the store.
func (l *Ledger) readAnswers(ctx context.Context, day metrics.Day) (answers, error) {
	counts, err := l.dayOf(ctx, day, countsOnly, false)
	if err != nil {
		return answers{}, err
	}
	all, err := l.dayOf(ctx, day, metrics.AllParts(), false)
	return answers{counts, all}, err
}

// dayOf reads a day, from the ledger or from the daily sums.
func (l *Ledger) dayOf(ctx context.Context, day metrics.Day, q metrics.Filter, fromLedger bool) (metrics.Contribution, error) {
	q.From, q.To, q.Ledger = day, day, fromLedger
	return collect(l.store.DayCounts(ctx, q))
}

func collect(dailies iter.Seq2[metrics.DayCount, error]) (metrics.Contribution, error) {
	var all metrics.Contribution
	for d, err := range dailies {
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// describe returns how the sums of a day differ from the ledger.
func describe(day metrics.Day, ledger, sums answers) *WrongDay {
	want, got := ledger.all, sums.all
	if equal(want, got) {
		want, got = ledger.counts, sums.counts
	}
	w := &WrongDay{Day: day, Ledger: want.Events(), Sum: got.Events()}
	for l, d := range pairs(want, got) {
		same := causeOf(l, d) == ""
		if l == nil {
			l = d
		}
		if n := len(w.Types); same || n > 0 && w.Types[n-1] == l.Type {
			continue
		}
		if w.Truncated = len(w.Types) == maxCells; w.Truncated {
			break
		}
		w.Types = append(w.Types, l.Type)
	}
	return w
}
