package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// patched is a sound store of which single methods are replaced.
type patched struct {
	*memstore.Store
	// lost means that its process was lost: its handle has no database any more.
	lost *atomic.Bool
	// begun has the Writers of this process, and left those of the lost process
	// before it. Their claims end with the first Claim that needs it, unless
	// keepsLost.
	begun     *writers
	left      *writers
	keepsLost bool
	// away means that its database cannot be reached; cutError is what its
	// methods return then.
	away         *atomic.Bool
	cutError     func(ctx context.Context) error
	wasAway      bool
	writer       func(ctx context.Context, id string, w *patchedWriter) error
	begin        func(ctx context.Context, id string) (store.Writer, error)
	batch        func(ctx context.Context, id string) (store.Batch, error)
	batches      func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error)
	countBatches func(ctx context.Context, limit int64) (map[store.Status]int64, error)
	batchOfKey   func(ctx context.Context, key string, at time.Time) (store.Batch, error)
	events       func(ctx context.Context, id string) iter.Seq2[metrics.Event, error]
	attachment   func(ctx context.Context, id, name string) iter.Seq2[[]byte, error]
	setStatus    func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error
	pending      func(ctx context.Context, id string) (metrics.Contribution, error)
	record       func(ctx context.Context, id string, c metrics.Contribution) error
	dayCounts    func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error]
	deleteBatch  func(ctx context.Context, id string) error
	prune        func(ctx context.Context, q store.PruneQuery) (store.Pruned, error)
	contribution func(ctx context.Context, id string) (metrics.Contribution, error)
	amend        func(ctx context.Context, id string, c metrics.Contribution) error
	explain      func(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error]
	claim        func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error)
	owners       func(ctx context.Context, fps []store.Fingerprint) ([]string, error)
	addOwner     func(ctx context.Context, id string, fp store.Fingerprint) error
	takeKey      func(ctx context.Context, id, key string, expires, now time.Time) error
	keys         func(ctx context.Context, id string) ([]string, error)
	purge        func(ctx context.Context, id string) error
	unpurged     func(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error)
	rebuild      func(ctx context.Context) error
	archive      func(ctx context.Context, id string) error
	replace      func(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error
	erase        func(ctx context.Context, id string, e store.Erasure) (int64, error)
	eraseNames   func(ctx context.Context, id string, names store.Names) error
	scrub        func(ctx context.Context) error
	ping         func(ctx context.Context) error
	reopen       func() store.Store
	// powerCut returns what is left of the store after a loss of power; nil means
	// all of it.
	powerCut func() *patched
	inspect  func(ctx context.Context, from string) (store.Inspection, error)
	// damaged are the batches that were damaged.
	damaged []string
	// remains are bytes that the store should have removed.
	remains []byte
}

func newPatched() *patched { return patchedOn(memstore.New()) }

func patchedOn(st *memstore.Store) *patched {
	return &patched{
		Store:        st,
		lost:         &atomic.Bool{},
		begun:        &writers{},
		left:         &writers{},
		away:         &atomic.Bool{},
		cutError:     func(ctx context.Context) error { return cmp.Or(ctx.Err(), store.ErrUnavailable) },
		begin:        st.Begin,
		batch:        st.Batch,
		batches:      st.Batches,
		countBatches: st.CountBatches,
		batchOfKey:   st.BatchOfKey,
		events:       st.Events,
		attachment:   st.Attachment,
		setStatus:    st.SetStatus,
		pending:      st.Pending,
		record:       st.Record,
		dayCounts:    st.DayCounts,
		deleteBatch:  st.DeleteBatch,
		prune:        st.Prune,
		contribution: st.Contribution,
		amend:        st.Amend,
		explain:      st.Explain,
		claim:        st.Claim,
		owners:       st.Owners,
		addOwner:     st.AddOwner,
		takeKey:      st.TakeKey,
		keys:         st.Keys,
		purge:        st.PurgeEvents,
		unpurged:     st.UnpurgedDays,
		rebuild:      func(ctx context.Context) error { return ctx.Err() },
		archive:      st.Archive,
		replace:      st.ReplaceAttachment,
		erase:        st.Erase,
		eraseNames:   st.EraseNames,
		scrub:        st.Scrub,
		inspect:      func(ctx context.Context, _ string) (store.Inspection, error) { return store.Inspection{}, ctx.Err() },
		ping:         func(ctx context.Context) error { return ctx.Err() },
	}
}

func (p *patched) Begin(ctx context.Context, id string) (store.Writer, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	inner, err := p.begin(ctx, id)
	if err != nil {
		return inner, err
	}
	p.begun.add(inner)
	w := &patchedWriter{p: p, write: inner.Write, attach: inner.Attach, commit: inner.Commit, abort: inner.Abort}
	if p.writer != nil {
		err = p.writer(ctx, id, w)
	}
	return w, err
}

// writers are the Writers of a process.
type writers struct {
	mu  sync.Mutex
	all []store.Writer
}

func (w *writers) add(one store.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, one)
}

// abort ends the Writers that have not ended, and reports whether there were any.
func (w *writers) abort(ctx context.Context) (ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.all {
		ended = one.Abort(ctx) == nil || ended
	}
	w.all = nil
	return ended
}

// reopened loses the process of p and returns another handle, with what reopen
// says.
func (p *patched) reopened() store.Store {
	var next store.Store = p
	if p.reopen != nil {
		next = p.reopen()
	}
	if next != store.Store(p) {
		return next
	}
	again := *p
	again.lost, again.begun, again.left = &atomic.Bool{}, &writers{}, p.begun
	p.lost.Store(true)
	return &again
}

// Inspect implements [store.Inspector], with each damaged batch a part.
func (p *patched) Inspect(ctx context.Context, from string) (store.Inspection, error) {
	if err := p.gone(ctx); err != nil {
		return store.Inspection{}, err
	}
	in, err := p.inspect(ctx, from)
	for _, id := range p.damaged {
		in.Damages = append(in.Damages, store.Damage{Part: "batch", BatchID: id, Err: "not what was written"})
	}
	return in, err
}

func (p *patched) afterPowerCut() *patched {
	if p.powerCut != nil {
		return p.powerCut()
	}
	return p.reopened().(*patched)
}

// dump returns all that can be read, and what the store should have removed.
func (p *patched) dump(t *testing.T) []byte {
	all := slices.Clone(p.remains)
	for b, err := range store.All(t.Context(), p.Store, store.BatchQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = fmt.Append(all, b)
		for e, err := range p.Store.Events(t.Context(), b.ID) {
			if err != nil && !errors.Is(err, store.ErrEventsPurged) {
				t.Fatal(err)
			}
			all = fmt.Append(all, e)
		}
		for _, name := range []string{"repair", "other"} {
			for chunk, err := range p.Attachment(t.Context(), b.ID, name) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, chunk...)
			}
		}
	}
	return all
}

// gone is the error of all methods while there is no database.
func (p *patched) gone(ctx context.Context) error {
	switch {
	case p.lost.Load():
		return errLost
	case p.away.Load():
		return p.cutError(ctx)
	}
	return nil
}

// unless yields the error of a missing database instead of seq.
func unless[T any](ctx context.Context, p *patched, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := p.gone(ctx); err != nil {
			var zero T
			yield(zero, err)
			return
		}
		seq(yield)
	}
}

var errLost = errors.New("the process was lost")

func (p *patched) Batch(ctx context.Context, id string) (store.Batch, error) {
	if err := p.gone(ctx); err != nil {
		return store.Batch{}, err
	}
	return p.batch(ctx, id)
}

func (p *patched) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.batches(ctx, q)
}

func (p *patched) CountBatches(ctx context.Context, limit int64) (map[store.Status]int64, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.countBatches(ctx, limit)
}

func (p *patched) BatchOfKey(ctx context.Context, key string, at time.Time) (store.Batch, error) {
	if err := p.gone(ctx); err != nil {
		return store.Batch{}, err
	}
	return p.batchOfKey(ctx, key, at)
}

func (p *patched) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return unless(ctx, p, p.events(ctx, id))
}

func (p *patched) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return unless(ctx, p, p.attachment(ctx, id, name))
}

func (p *patched) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.setStatus(ctx, id, from, to, cause)
}

func (p *patched) Pending(ctx context.Context, id string) (metrics.Contribution, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.pending(ctx, id)
}

func (p *patched) Record(ctx context.Context, id string, c metrics.Contribution) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.record(ctx, id, c)
}

func (p *patched) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return unless(ctx, p, p.dayCounts(ctx, q))
}

func (p *patched) DeleteBatch(ctx context.Context, id string) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.deleteBatch(ctx, id)
}

func (p *patched) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	if err := p.gone(ctx); err != nil {
		return store.Pruned{}, err
	}
	return p.prune(ctx, q)
}

func (p *patched) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.contribution(ctx, id)
}

func (p *patched) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.amend(ctx, id, c)
}

func (p *patched) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return unless(ctx, p, p.explain(ctx, day, eventType))
}

func (p *patched) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	answers, err := p.claim(ctx, id, fps)
	if errors.Is(err, store.ErrClaimed) && !p.keepsLost && p.left.abort(ctx) {
		return p.claim(ctx, id, fps)
	}
	return answers, err
}

func (p *patched) AddOwner(ctx context.Context, id string, fp store.Fingerprint) error {
	return p.addOwner(ctx, id, fp)
}

func (p *patched) Owners(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.owners(ctx, fps)
}

func (p *patched) TakeKey(ctx context.Context, id, key string, expires, now time.Time) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.takeKey(ctx, id, key, expires, now)
}

func (p *patched) Keys(ctx context.Context, id string) ([]string, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.keys(ctx, id)
}

func (p *patched) PurgeEvents(ctx context.Context, id string) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.purge(ctx, id)
}

func (p *patched) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	if err := p.gone(ctx); err != nil {
		return nil, err
	}
	return p.unpurged(ctx, from, to)
}

func (p *patched) Rebuild(ctx context.Context) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.rebuild(ctx)
}

func (p *patched) Archive(ctx context.Context, id string) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.archive(ctx, id)
}

func (p *patched) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.replace(ctx, id, name, content)
}

func (p *patched) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	if err := p.gone(ctx); err != nil {
		return 0, err
	}
	return p.erase(ctx, id, e)
}

func (p *patched) EraseNames(ctx context.Context, id string, names store.Names) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.eraseNames(ctx, id, names)
}

func (p *patched) Scrub(ctx context.Context) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.scrub(ctx)
}

func (p *patched) Ping(ctx context.Context) error {
	if err := p.gone(ctx); err != nil {
		return err
	}
	return p.ping(ctx)
}

// patchedWriter is a Writer of which single methods are replaced.
type patchedWriter struct {
	p      *patched
	write  func(ctx context.Context, events []metrics.Event) error
	attach func(ctx context.Context, name string, chunk []byte) error
	commit func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error)
	abort  func(ctx context.Context) error
}

func (w *patchedWriter) Write(ctx context.Context, events []metrics.Event) error {
	return w.write(ctx, events)
}

func (w *patchedWriter) Attach(ctx context.Context, name string, chunk []byte) error {
	return w.attach(ctx, name, chunk)
}

func (w *patchedWriter) Commit(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
	if err := w.p.gone(ctx); err != nil {
		return store.Batch{}, err
	}
	return w.commit(ctx, b, pending)
}

func (w *patchedWriter) Abort(ctx context.Context) error { return w.abort(ctx) }

// editBatch changes the answers of Batch.
func (p *patched) editBatch(edit func(b *store.Batch)) {
	p.batch = func(ctx context.Context, id string) (store.Batch, error) {
		b, err := p.Store.Batch(ctx, id)
		edit(&b)
		return b, err
	}
}

// editEvents changes the events of a batch as they are read.
func (p *patched) editEvents(edit func(events []metrics.Event) []metrics.Event) {
	p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
		return edited(p.Store.Events(ctx, id), func(e metrics.Event) metrics.Event {
			e.Fields = slices.Clone(e.Fields)
			return e
		}, edit)
	}
}

// editEvent changes each event as it is read.
func (p *patched) editEvent(edit func(e *metrics.Event)) {
	p.editEvents(func(events []metrics.Event) []metrics.Event {
		for i := range events {
			edit(&events[i])
		}
		return events
	})
}

// editDayCounts changes the answers of DayCounts; q is what is asked of the sound
// store.
func (p *patched) editDayCounts(edit func(q metrics.Filter, all []metrics.DayCount) []metrics.DayCount) {
	p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		return edited(p.Store.DayCounts(ctx, q), func(d metrics.DayCount) metrics.DayCount { return d },
			func(all []metrics.DayCount) []metrics.DayCount { return edit(q, all) })
	}
}

// edited yields the elements of seq after they have been changed, then its
// error.
func edited[T any](seq iter.Seq2[T, error], clone func(T) T, edit func([]T) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var all []T
		var failed error
		for v, err := range seq {
			if err != nil {
				failed = err
				break
			}
			all = append(all, clone(v))
		}
		for _, v := range edit(all) {
			if !yield(v, nil) {
				return
			}
		}
		if failed != nil {
			var zero T
			yield(zero, failed)
		}
	}
}

// spin lets other goroutines run until done, with a limit.
func spin(done func() bool) {
	for i := 0; i < 100_000 && !done(); i++ {
		runtime.Gosched()
	}
}

// deletedSoon waits for a batch to be deleted, with a limit.
func (p *patched) deletedSoon(ctx context.Context, id string) bool {
	deleted := false
	spin(func() bool {
		_, err := p.Store.Batch(ctx, id)
		deleted = err != nil
		return deleted
	})
	return deleted
}

// meeting lets callers go on in pairs, so that they surely collide.
type meeting struct {
	mu      sync.Mutex
	waiting chan struct{}
}

func (m *meeting) wait() {
	m.mu.Lock()
	if m.waiting != nil {
		close(m.waiting)
		m.waiting = nil
		m.mu.Unlock()
		return
	}
	other := make(chan struct{})
	m.waiting = other
	m.mu.Unlock()
	<-other
}
