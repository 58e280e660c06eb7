package upload_test

import (
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

func TestContentBelongsToEachBatchThatHasIt(t *testing.T) {
	st := memstore.New()
	u := upload.New(st, nil)
	send := func(allow bool) upload.Receipt {
		t.Helper()
		r, err := u.Upload(t.Context(), upload.File{AllowDuplicate: allow, Body: strings.NewReader(
			"candidate_id,test_id,event_type,timestamp\nC1,T1,started,2025-11-08T09:00:00Z\n")})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	remove := func(id string) {
		t.Helper()
		if err := st.DeleteBatch(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := send(false).Batch.ID, send(true).Batch.ID, send(true).Batch.ID
	remove(first)
	if r := send(false); r.DuplicateOf != second && r.DuplicateOf != third {
		t.Errorf("after the first batch is deleted: duplicate of %q, want %s or %s", r.DuplicateOf, second, third)
	}
	remove(second)
	if r := send(false); r.DuplicateOf != third {
		t.Errorf("after two batches are deleted: duplicate of %q, want %s", r.DuplicateOf, third)
	}
	preview, err := u.DryRun(t.Context(), upload.File{Body: strings.NewReader(
		"candidate_id,test_id,event_type,timestamp\nC1,T1,started,2025-11-08T09:00:00Z\n")})
	if err != nil || preview.DuplicateOf != third {
		t.Errorf("DryRun: duplicate of %q, %v, want %s", preview.DuplicateOf, err, third)
	}
	remove(third)
	if r := send(false); r.DuplicateOf != "" {
		t.Errorf("after all batches are deleted: duplicate of %q, want none", r.DuplicateOf)
	}
}
