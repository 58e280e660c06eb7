package riverqueue

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// polled is a driver that reports no support of notifications. River then writes
// none and wakes the client that added the jobs directly. On SQLite, that is
// sooner and cheaper than polling a table of notifications.
type polled struct{ riverdriver.Driver[*sql.Tx] }

func (polled) SupportsListener() bool     { return false }
func (polled) SupportsListenNotify() bool { return false }

// counted is the driver of a client that runs jobs. It counts what the client
// has.
type counted struct {
	polled
	jobs *holdings
	pace *pace

	promotion *pace // see [Queue]
}

func (d counted) GetExecutor() riverdriver.Executor {
	return executor{d.polled.GetExecutor(), d}
}

// executor corrects operations of River's executor.
type executor struct {
	riverdriver.Executor
	client counted
}

// JobGetAvailable fetches jobs in a transaction. River's statement alone may have
// marked jobs as running when its time is up and its answer lost. No process
// would run them then. A job that must run alone is fetched when the client has no
// other, and no other while the client has it.
func (e executor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if err := e.client.jobs.settle(ctx, e.Executor); err != nil {
		return nil, err
	}
	if e.client.jobs.runsAlone() || !e.client.pace.due() {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	tx, err := e.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	found, err := tx.JobGetAvailable(ctx, p)
	if err != nil {
		return nil, err
	}
	e.client.pace.looked(len(found.Jobs))
	if len(found.Jobs) == 0 {
		return found, err
	}
	if err := e.leaveAlone(ctx, tx, found); err != nil || len(found.Jobs) == 0 {
		return found, err
	}
	if err := tx.Commit(ctx); err != nil {
		e.client.jobs.doubt()
		return nil, err
	}
	e.client.jobs.hold(found.Jobs)
	return found, nil
}

// leaveAlone puts back, in the transaction, the first job that must run alone and
// those after it, unless it is the only one that the client would have.
func (e executor) leaveAlone(ctx context.Context, tx riverdriver.ExecutorTx, found *riverdriver.JobGetAvailableResult) error {
	slices.SortFunc(found.Jobs, func(a, b *rivertype.JobRow) int {
		return cmp.Or(a.ScheduledAt.Compare(b.ScheduledAt), cmp.Compare(a.ID, b.ID))
	})
	n := slices.IndexFunc(found.Jobs, mustBeAlone)
	if n < 0 {
		return nil
	}
	if n == 0 && e.client.jobs.isEmpty() {
		n = 1
	}
	p := &riverdriver.JobSetStateIfRunningManyParams{}
	for _, row := range found.Jobs[n:] {
		setState(p, riverdriver.JobSetStateInterrupted(row.ID, row.ScheduledAt, row.Attempt-1, nil))
	}
	found.Jobs = found.Jobs[:n]
	if len(p.ID) == 0 {
		return nil
	}
	_, err := tx.JobSetStateIfRunningMany(ctx, p)
	return err
}

// Begin implements [riverdriver.Executor].
func (e executor) Begin(ctx context.Context) (riverdriver.ExecutorTx, error) {
	tx, err := e.Executor.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return unscheduled{tx}, nil
}

// unscheduled is a transaction in which River's scheduler does nothing: it makes
// jobs available up to 5 s before their time. promote does so at their time, so
// that an available job may always run at once.
type unscheduled struct{ riverdriver.ExecutorTx }

// JobSchedule does nothing.
func (unscheduled) JobSchedule(context.Context, *riverdriver.JobScheduleParams) ([]*riverdriver.JobScheduleResult, error) {
	return nil, nil
}

// UnwrapTx implements [riverdriver.Driver].
func (d counted) UnwrapTx(tx riverdriver.ExecutorTx) *sql.Tx {
	if t, ok := tx.(unscheduled); ok {
		tx = t.ExecutorTx
	}
	return d.polled.UnwrapTx(tx)
}

// JobSetStateIfRunningMany stores the ends of attempts. It leaves out those that
// are stored already. A job that is put back keeps its place among the waiting
// ones.
func (e executor) JobSetStateIfRunningMany(ctx context.Context, p *riverdriver.JobSetStateIfRunningManyParams) ([]*rivertype.JobRow, error) {
	defer e.client.pace.news.changing()()
	p = e.client.jobs.unstored(p)
	for i, attempt := range p.Attempt {
		if attempt != nil && p.State[i] == rivertype.JobStateAvailable {
			p.ScheduledAt[i] = nil
		}
		if at := p.ScheduledAt[i]; at != nil {
			e.client.pace.expect(*at)
			e.client.promotion.expect(*at)
		}
	}
	if len(p.ID) == 0 {
		return nil, nil
	}
	rows, err := e.Executor.JobSetStateIfRunningMany(ctx, p)
	if err == nil {
		e.client.jobs.release(p.ID)
	}
	return rows, err
}

// setState adds a job to the parameters of JobSetStateIfRunningMany.
func setState(p *riverdriver.JobSetStateIfRunningManyParams, s *riverdriver.JobSetStateIfRunningParams) {
	p.ID = append(p.ID, s.ID)
	p.Attempt = append(p.Attempt, s.Attempt)
	p.ErrData = append(p.ErrData, s.ErrData)
	p.FinalizedAt = append(p.FinalizedAt, s.FinalizedAt)
	p.MetadataDoMerge = append(p.MetadataDoMerge, s.MetadataDoMerge)
	p.MetadataUpdates = append(p.MetadataUpdates, s.MetadataUpdates)
	p.ScheduledAt = append(p.ScheduledAt, s.ScheduledAt)
	p.State = append(p.State, s.State)
}

// storing bounds a write of the ends of attempts, as River does.
const storing = 10 * time.Second
