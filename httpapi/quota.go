package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// quota is the place of an upload in the limit of its client.
type quota struct {
	h *Handler
	w http.ResponseWriter
	r *http.Request

	taken ratelimit.Decision
}

// take asks the limiter, and sets the fields about the limit in the answer.
func (q *quota) take(ctx context.Context) error {
	if q.h.opts.Limiter == nil || q.h.opts.ExemptLocal && q.h.opts.Source.IsLocal(q.r) {
		return nil
	}
	d, err := q.h.opts.Limiter.Allow(ctx, q.h.opts.Source.Key(q.r))
	if err != nil {
		return problem{
			status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the rate limiter is unavailable; try again",
			header: http.Header{"Retry-After": {"1"}}, cause: err,
		}
	}
	d.WriteHeader(q.w.Header())
	if !d.Allowed {
		return problem{status: http.StatusTooManyRequests, code: CodeTooManyRequests, detail: q.refusal(&d)}
	}
	q.taken = d
	return nil
}

// refusal says what the limit is, when it ends and which setting changes it.
func (q *quota) refusal(d *ratelimit.Decision) string {
	text := fmt.Sprintf("this address may upload %s in %s; try again in %s",
		counted(d.Limit, "file"), counted(wholeSeconds(d.Window), "second"), counted(wholeSeconds(d.ResetAfter), "second"))
	if setting := q.h.opts.LimitSetting; setting != "" {
		text += "; the setting " + setting + " changes the limit"
	}
	return text
}

// counted returns a number with its unit.
func counted(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// giveBack gives the place back, if there is one, because no new batch uses it.
func (q *quota) giveBack() {
	if q.taken.GiveBack == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.r.Context()), time.Second)
	defer cancel()
	if err := q.taken.GiveBack(ctx); err != nil {
		q.h.logger.WarnContext(ctx, "giving a place in the limit back failed", "request_id", requestIDOf(q.r), "err", err)
		return
	}
	q.taken.Remaining++
	q.taken.WriteHeader(q.w.Header())
}
