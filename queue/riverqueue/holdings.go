package riverqueue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// holdings are the jobs that one client has fetched and not finished.
type holdings struct {
	client string // in River's tables
	log    *slog.Logger

	mu       sync.Mutex
	held     map[int64]bool // whether the job must run alone
	stored   map[int64]bool // completions that River stores again
	doubtful bool           // a fetch may have marked jobs that are not held

	open    *group     // to be stored next
	writing sync.Mutex // held while a group is stored
}

// gather is how long a group waits for other jobs that end in the same moment. A
// write takes longer.
const gather = time.Millisecond

// group are completed jobs that are stored together.
type group struct {
	ids  []int64
	done bool
	err  error
}

func newHoldings(client string, log *slog.Logger) *holdings {
	return &holdings{client: client, log: log, held: map[int64]bool{}, stored: map[int64]bool{}}
}

func (h *holdings) hold(rows []*rivertype.JobRow) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range rows {
		h.held[row.ID] = mustBeAlone(row)
	}
}

// isEmpty reports whether the client has no job.
func (h *holdings) isEmpty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held) == 0
}

// runsAlone reports whether the client has a job that must run alone.
func (h *holdings) runsAlone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, alone := range h.held {
		if alone {
			return true
		}
	}
	return false
}

func (h *holdings) release(ids []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		delete(h.held, id)
	}
}

func (h *holdings) doubt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doubtful = true
}

// settle puts back the jobs of a fetch whose outcome was unknown. The client
// must not fetch before that.
func (h *holdings) settle(ctx context.Context, exec riverdriver.Executor) error {
	h.mu.Lock()
	doubtful := h.doubtful
	h.mu.Unlock()
	if !doubtful {
		return nil
	}
	if err := h.putBack(ctx, exec); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doubtful = false
	return nil
}

// end puts back the jobs that the client still has when it has ended: those whose
// results could not be stored.
func (h *holdings) end(ctx context.Context, exec riverdriver.Executor) {
	h.mu.Lock()
	clear(h.held)
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storing)
	defer cancel()
	if err := h.putBack(ctx, exec); err != nil {
		h.log.WarnContext(ctx, "putting back jobs failed: the next Consume does it", "err", err)
	}
}

// putBack puts back the running jobs of the client that it does not hold. No
// handler has run them, so the attempt does not count.
func (h *holdings) putBack(ctx context.Context, exec riverdriver.Executor) error {
	p := &riverdriver.JobSetStateIfRunningManyParams{}
	for rows, err := range running(ctx, exec) {
		if err != nil {
			return err
		}
		for _, row := range rows {
			if clientOf(row) != h.client || h.has(row.ID) {
				continue
			}
			setState(p, riverdriver.JobSetStateInterrupted(row.ID, row.ScheduledAt, max(row.Attempt-1, 0), nil))
		}
	}
	if len(p.ID) == 0 {
		return nil
	}
	h.log.WarnContext(ctx, "jobs put back that nothing ran", "jobs", len(p.ID))
	_, err := exec.JobSetStateIfRunningMany(ctx, p)
	return err
}

func (h *holdings) has(id int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.held[id]
	return ok
}

// complete stores that a job is completed, together with the jobs that end in the
// same moment. River itself does so up to a quarter of a second later, and a kill
// in between costs the job an attempt.
func (h *holdings) complete(ctx context.Context, exec riverdriver.Executor, id int64) error {
	h.mu.Lock()
	if h.open == nil {
		h.open = &group{}
	}
	g := h.open
	g.ids = append(g.ids, id)
	h.mu.Unlock()

	h.writing.Lock()
	defer h.writing.Unlock()
	if !g.done {
		<-time.After(gather)
		h.mu.Lock()
		h.open = nil // it is g
		h.mu.Unlock()
		g.done, g.err = true, h.store(ctx, exec, g.ids)
	}
	return g.err
}

func (h *holdings) store(ctx context.Context, exec riverdriver.Executor, ids []int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storing)
	defer cancel()
	p := &riverdriver.JobSetStateIfRunningManyParams{}
	for _, id := range ids {
		setState(p, riverdriver.JobSetStateCompleted(id, time.Now(), nil))
	}
	if _, err := exec.JobSetStateIfRunningMany(ctx, p); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		delete(h.held, id)
		h.stored[id] = true
	}
	return nil
}

// unstored returns the parameters without the completions that are stored.
func (h *holdings) unstored(p *riverdriver.JobSetStateIfRunningManyParams) *riverdriver.JobSetStateIfRunningManyParams {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := &riverdriver.JobSetStateIfRunningManyParams{Now: p.Now, Schema: p.Schema}
	for i, id := range p.ID {
		if h.stored[id] {
			delete(h.stored, id)
			continue
		}
		setState(left, &riverdriver.JobSetStateIfRunningParams{
			ID: id, Attempt: p.Attempt[i], ErrData: p.ErrData[i], FinalizedAt: p.FinalizedAt[i],
			MetadataDoMerge: p.MetadataDoMerge[i], MetadataUpdates: p.MetadataUpdates[i],
			ScheduledAt: p.ScheduledAt[i], State: p.State[i],
		})
	}
	return left
}
