package httpapi_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"unicode"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

func TestControlCharactersOfFileNamesAreDropped(t *testing.T) {
	a := start(t, setup{})
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {"form-data; name=\"file\"; filename*=UTF-8''a%00b%1b%5b31m%7f%c2%85%0ac%e2%82%ac.csv"}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(header + day8))
	_ = w.Close()
	res := a.do("POST", "/uploads", &form, "Content-Type", w.FormDataContentType())
	id, _ := res.json(t)["batch_id"].(string)
	name, _ := a.get("/batches/" + id).json(t)["file_name"].(string)
	if name != "ab[31mc€.csv" || strings.ContainsFunc(name, unicode.IsControl) {
		t.Errorf("%d %s: the name is %q", res.status, res.body, name)
	}
	res = a.csv("/uploads?on_duplicate=allow&file_name=a%1bb%0a.csv", header+day8)
	id, _ = res.json(t)["batch_id"].(string)
	if name := a.get("/batches/" + id).json(t)["file_name"]; name != "ab.csv" {
		t.Errorf("the name is %q", name)
	}
}

// TestWhatIsNoTextReachesNoStore sends NUL and bytes that are not UTF-8 wherever
// a request has text.
func TestWhatIsNoTextReachesNoStore(t *testing.T) {
	a := start(t, setup{})
	id := a.count(day8)
	for _, bad := range []string{"%00", "a%00", "%ff", "%ed%a0%80", "%c0%80"} {
		for _, path := range []string{
			"/metrics?event_type=", "/metrics?where.x=", "/metrics?where.", "/metrics?group_by=", "/metrics?tz=", "/metrics?",
			"/metrics/explain?date=2025-11-08&event_type=", "/batches?status=", "/batches?repairs=", "/batches?cursor=", "/schema?schema=",
			"/admin/queues/event-processing/dlq?cursor=",
		} {
			if res := a.get(path + bad); res.status != http.StatusBadRequest && res.status != http.StatusUnprocessableEntity {
				t.Errorf("GET %s%s: %d %s", path, bad, res.status, res.body)
			}
		}
		for _, path := range []string{"/uploads?file_name=", "/uploads?schema=", "/uploads?repairs=", "/uploads?encoding="} {
			a.csv(path+bad, header+day8).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
		}
		for _, path := range []string{"/batches/", "/batches/" + id + "/", "/admin/queues/", "/admin/queues/event-processing/dlq/", "/assets/"} {
			for _, method := range []string{"GET", "DELETE"} {
				if res := a.do(method, path+bad, nil); res.status != http.StatusNotFound && res.status != http.StatusMethodNotAllowed {
					t.Errorf("%s %s%s: %d %s", method, path, bad, res.status, res.body)
				}
			}
		}
		a.do("POST", "/batches/"+bad+"/process", nil).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
		a.do("POST", "/admin/queues/event-processing/dlq/process:"+bad+"/retry", nil).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	}
	for _, key := range []string{"a\tb", "a\u0080", "ü"} {
		a.csv("/uploads", header+day8, "Idempotency-Key", key).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
	for _, cursor := range []string{"%01", "%1b", "x", "%0a"} {
		a.get("/admin/queues/event-processing/dlq?cursor="+cursor).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
		a.get("/batches?cursor="+cursor).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
}
