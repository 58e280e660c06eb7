package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// The least values of Options.UploadMemory and Options.QueryMemory, in bytes.
const (
	LeastUploadMemory = 16 << 20
	LeastQueryMemory  = 32 << 20
)

// validateMemory checks a number of bytes of which 0 means the default.
func validateMemory(field string, n, least int64) error {
	if n != 0 && n < least {
		return fmt.Errorf("eventmetrics: Options.%s: is %d bytes, at least %d are needed", field, n, least)
	}
	return nil
}

// queryBytes is what a query takes of Options.QueryMemory to begin with: for
// what a store reads at once, and the first part of the result.
const queryBytes = 16 << 20

// QueryFunc is [Service.Query] for large results: it calls use once with the
// result, whose memory counts within Options.QueryMemory until use returns. Use
// must not keep the result. With more it takes memory of its own, in bytes, that
// also counts until it returns; more has the errors of memory that Query has.
// Errors: those of Query, and that of use, unchanged.
func (s *Service) QueryFunc(ctx context.Context, q series.Query, use func(r *series.Result, more func(bytes int64) error) error) error {
	if s.invalid != nil {
		return s.invalid
	}
	if err := s.checkQuery(&q); err != nil {
		return err
	}
	for start, more := time.Now(), int64(0); ; {
		need, err := s.useQuery(ctx, q, queryBytes+more, use)
		if need == 0 || !errors.Is(err, budget.ErrBusy) || time.Since(start) >= budget.DefaultTimeout {
			return err
		}
		// It waits again, without what it holds, and for twice as much so that it
		// seldom begins a third time.
		more = min(2*need, s.opts.QueryMemory-queryBytes)
	}
}

// useQuery runs a query with bytes of memory to begin with. If it was refused
// more while it read, it returns how many bytes it needed then.
func (s *Service) useQuery(
	ctx context.Context, q series.Query, bytes int64, use func(*series.Result, func(int64) error) error,
) (need int64, err error) {
	hold, err := s.queryMemory.Acquire(ctx, bytes)
	if err != nil {
		return 0, err
	}
	defer hold.Release()
	r, need, err := s.runQuery(ctx, q, hold)
	if err != nil {
		return need, err
	}
	return 0, use(&r, func(bytes int64) error { return hold.Grow(ctx, bytes) })
}

// runQuery also returns how many bytes it needed.
func (s *Service) runQuery(ctx context.Context, q series.Query, hold *budget.Hold) (r series.Result, need int64, err error) {
	src := s.source()
	src.Require = func(ctx context.Context, bytes int64) error {
		need = bytes
		return hold.GrowTo(ctx, queryBytes/2+need)
	}
	ctx, done := s.observeQuery(ctx, "series")
	r, err = series.Run(ctx, src, q)
	fault := err
	if isRefusal(err) {
		fault = nil
	}
	done(fault)
	return r, need, err
}
