package upload

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// stream reads a file into a Writer. If the file asks for it, rows that are
// claimed by another batch are skipped. One goroutine reads, checks and sums
// a chunk while the calling one stores the chunk before.
//
// The bytes pass through these readers and buffers:
//
//	File.Body -> body (counts, hashes, limits) -> ingest.Reader (rows, rules)
//	  -> Options.BeforeAccept -> Aggregator.Add -> chunk -> dedupeFilter -> store.Writer
func (u *Uploader) stream(ctx context.Context, f *plan, body *body, w store.Writer, c claims) (*summary, error) {
	filter, err := u.newDedupeFilter(f.Dedupe, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := u.newParser(ctx, f, body, filter)
	done := make(chan error, 1)
	go func() { done <- p.guardedRun(ctx) }()
	storeErr, parseErr := p.storeAll(ctx, cancel, done, w)
	// A server cancels the context of a request whose body ends early, so an
	// error of the body is the cause of all others.
	if body.err != nil {
		return nil, &bodyError{body.err}
	}
	if storeErr != nil {
		return nil, storeErr
	}
	if parseErr != nil {
		return nil, parseErr
	}
	if !p.stopped {
		u.tel.countRejected(ctx, p.codes)
	}
	return p.summary()
}

// summary is what is known of a file beside its events.
type summary struct {
	accepted, rejected, duplicates int64

	errors       []ingest.RowError
	reasons      *reasons
	readAs       ingest.ReadAs
	warnings     []ingest.Warning
	contribution metrics.Contribution
}

// attach stores the errors, the warnings and the reading with the batch.
func (s *summary) attach(ctx context.Context, w store.Writer) (err error) {
	if len(s.errors) > 0 {
		err = attachJSON(ctx, w, ErrorsAttachment, s.errors)
	}
	if len(s.warnings) > 0 && err == nil {
		err = attachJSON(ctx, w, WarningsAttachment, s.warnings)
	}
	if err == nil {
		err = attachJSON(ctx, w, ReadAsAttachment, s.readAs)
	}
	return err
}

func attachJSON(ctx context.Context, w store.Writer, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("eventmetrics: encode %s: %w", name, err)
	}
	if err := w.Attach(ctx, name, text); err != nil {
		return fmt.Errorf("eventmetrics: store %s: %w", name, err)
	}
	return nil
}

// summary decides about the file as a whole when it has been read. Errors:
// ErrNoRows, *ToleranceError, *RejectedError.
func (p *parser) summary() (*summary, error) {
	s := &summary{
		accepted: p.accepted, rejected: p.reader.Rejected(), errors: p.errors, reasons: &p.reasons, readAs: p.reader.ReadAs(),
	}
	if s.accepted == 0 && s.rejected == 0 {
		return nil, ErrNoRows
	}
	rows := s.accepted + s.rejected
	if limit, value := p.tolerance.crossed(rows, s.rejected); limit != "" {
		return nil, &ToleranceError{limit, value, rows, s.rejected, p.stopped, s.errors, s.readAs}
	}
	if s.accepted == 0 {
		return nil, &RejectedError{Rejected: s.rejected, Errors: s.errors, ReadAs: s.readAs}
	}
	if p.filter == nil {
		s.contribution = p.sum.Contribution()
		s.warnings = p.warnings(s)
		return s, nil
	}
	s.accepted -= p.filter.dropped
	s.duplicates = p.filter.dropped
	s.contribution = p.filter.sum.Contribution()
	s.warnings = p.warnings(s)
	return s, nil
}

// shortCopy returns a copy of a rejected row with its values shortened, so that
// an answer stays small.
func shortCopy(e *ingest.RowError) ingest.RowError {
	const maxFields, maxBytes = 50, 200
	out := *e
	out.Record = slices.Clone(e.Record[:min(len(e.Record), maxFields)])
	for i := range out.Record {
		out.Record[i].Name = clip.Text(out.Record[i].Name, maxBytes)
		out.Record[i].Value = clip.Text(out.Record[i].Value, maxBytes)
	}
	return out
}
