package retention

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// erasedText replaces a text that named the subject.
const erasedText = store.ErasedName

// texts erases the texts of a batch that name the subject, and returns how many
// there were: its last error, its file name, its idempotency keys and its
// warnings. With one key all keys of the batch are erased.
func (x *eraser) texts(ctx context.Context, b *store.Batch) (int64, error) {
	keys, err := x.keys(ctx, b)
	if err != nil {
		return 0, err
	}
	names := store.Names{FileName: x.in(b.FileName), IdempotencyKey: keys > 0}
	n := count(names.FileName) + keys
	if n > 0 && !x.r.DryRun {
		if err := x.store.EraseNames(ctx, b.ID, names); err != nil {
			return 0, err
		}
	}
	x.r.Texts += n
	warnings, err := x.warnings(ctx, b.ID)
	if err != nil {
		return n, err
	}
	x.r.Texts += warnings
	n += warnings
	if !x.in(b.LastError) {
		return n, nil
	}
	x.r.LastErrors++
	if x.r.DryRun {
		return n + 1, nil
	}
	err = x.enforcer.store.SetStatus(ctx, b.ID, []store.Status{b.Status}, b.Status, erasedText)
	if errors.Is(err, store.ErrConflict) { // its status has changed, and its error with it
		err = nil
	}
	return n + 1, err
}

// keys returns how many idempotency keys of a batch name the subject.
func (x *eraser) keys(ctx context.Context, b *store.Batch) (n int64, _ error) {
	keys := []string{b.IdempotencyKey}
	if d, ok := store.As[store.Deduper](x.enforcer.store); ok {
		var err error
		if keys, err = d.Keys(ctx, b.ID); err != nil {
			return 0, err
		}
	}
	for _, key := range keys {
		n += count(x.in(key))
	}
	return n, nil
}

func count(found bool) int64 {
	if found {
		return 1
	}
	return 0
}

// warnings erases the messages of warnings that name the subject.
func (x *eraser) warnings(ctx context.Context, id string) (n int64, _ error) {
	var all []ingest.Warning
	if err := upload.DecodeAttachment(ctx, x.enforcer.store, id, upload.WarningsAttachment, &all); err != nil {
		return 0, err
	}
	for i := range all {
		if x.in(all[i].Message) {
			all[i].Message = erasedText
			n++
		}
	}
	if n == 0 || x.r.DryRun {
		return n, nil
	}
	return n, x.replaceJSON(ctx, id, upload.WarningsAttachment, len(all), all)
}

// noteNames notes columns whose name is about the subject: these stay.
func (x *eraser) noteNames(fields []metrics.Field) {
	for _, f := range fields {
		if x.in(f.Name) || x.inName(f.Name) {
			x.r.Left++
		}
	}
}

// inName reports whether the name of a column, which is kept as
// [ingest.ColumnName] has it, names the subject.
func (x *eraser) inName(name string) bool { return hasWord(name, ingest.ColumnName(x.subject)) }

// nameWatch notes the events that stay and name the subject.
type nameWatch struct {
	x     *eraser
	names []string // of the fields of the event before, none of which is about it
}

// note counts an event of another subject if any of its texts has this one.
func (w *nameWatch) note(e *metrics.Event) {
	found := hasWord(e.ID, w.x.subject) || hasWord(e.Type, w.x.subject)
	for i := range e.Fields {
		f := &e.Fields[i]
		found = found || hasWord(f.Value, w.x.subject) || w.isNamed(i, f.Name)
	}
	if found {
		w.x.r.Left++
	}
}

// isNamed reports whether the name of the i-th column is about the subject.
func (w *nameWatch) isNamed(i int, name string) bool {
	if i < len(w.names) && w.names[i] == name {
		return false
	}
	if hasWord(name, w.x.subject) || w.x.inName(name) {
		return true
	}
	if i == len(w.names) {
		w.names = append(w.names, name)
	}
	return false
}

// ledgerNames notes the event types and groups of the metrics that name the
// subject.
func (x *eraser) ledgerNames(ctx context.Context) error {
	seen := map[string]bool{}
	note := func(text string) {
		if !seen[text] && hasWord(text, x.subject) {
			seen[text] = true
			x.r.LeftNames++
		}
	}
	for d, err := range x.enforcer.store.DayCounts(ctx, metrics.Filter{Groups: true}) {
		if err != nil {
			return fmt.Errorf("read the names in the metrics: %w", err)
		}
		note(d.Type)
		for _, f := range d.Group.Values() {
			note(f.Value)
		}
	}
	return nil
}
