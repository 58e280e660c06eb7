package httpapi_test

import (
	"mime"
	"net/url"
	"testing"
)

func TestARepairFileIsNamedAfterItsFile(t *testing.T) {
	a := start(t, setup{})
	for name, want := range map[string]string{
		"events.csv":       "events-rejected.csv",
		"Nov.CSV.gz":       "Nov-rejected.csv",
		"lines.ndjson.zst": "lines-rejected.csv",
		"Prüfung 11.txt":   "Prüfung 11-rejected.csv",
		`a "b";.csv`:       `a "b";-rejected.csv`,
		`..\a/b.csv`:       ".._a_b-rejected.csv",
		"":                 "",
	} {
		id := a.csv("/uploads?on_duplicate=allow&file_name="+url.QueryEscape(name), header+",T1,a,2025-11-08\nC1,T1,a,2025-11-08\n").json(t)["batch_id"].(string)
		if want == "" {
			want = id + "-rejected.csv"
		}
		text := a.get("/batches/" + id + "/errors").header.Get("Content-Disposition")
		kind, params, err := mime.ParseMediaType(text)
		if err != nil || kind != "attachment" || params["filename"] != want {
			t.Errorf("%q: %s, %v; want an attachment called %s", name, text, err, want)
		}
	}
}
