package upload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

func TestABatchKnowsWhoUploadedIt(t *testing.T) {
	u := upload.New(memstore.New(), nil)
	const file = "candidate_id,test_id,event_type,timestamp\nC1,T1,started,2025-11-08T09:00:00Z\n"
	send := func(name string) string {
		t.Helper()
		r, err := u.Upload(t.Context(), upload.File{Uploader: name, AllowDuplicate: true, Body: strings.NewReader(file)})
		if err != nil {
			t.Fatal(err)
		}
		return r.Batch.ID
	}
	for _, name := range []string{"", "crm", "a name with spaces ☃"} {
		if got, err := u.UploaderOf(t.Context(), send(name)); err != nil || got != name {
			t.Errorf("UploaderOf is %q, %v, want %q", got, err, name)
		}
	}
	first := send("crm")
	r, err := u.Upload(t.Context(), upload.File{Uploader: "other", Body: strings.NewReader(file)})
	if err != nil || r.DuplicateOf == "" {
		t.Fatalf("receipt of the same content: %+v, %v", r, err)
	}
	if got, err := u.UploaderOf(t.Context(), first); err != nil || got != "crm" {
		t.Errorf("after another upload of the same content UploaderOf is %q, %v", got, err)
	}
	if _, err := u.UploaderOf(t.Context(), store.NewID(r.Batch.Created)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("UploaderOf an unknown batch: %v", err)
	}
	if _, err := u.Upload(t.Context(), upload.File{Uploader: "a\x00b", Body: strings.NewReader(file)}); !errors.Is(err, upload.ErrNoText) {
		t.Errorf("a name that is no text: %v", err)
	}
}
