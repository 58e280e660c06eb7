package browsertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/store"
)

// choose gives the page a file by its file input.
func (p *page) choose(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.wait(`!!document.querySelector('#file')`)
	p.do(chromedp.SetUploadFiles("#file", []string{path}))
	p.see("Process right away")
}

// table opens the table below the chart and returns its rows by period, column by
// column.
func (p *page) table() map[string][]string {
	p.t.Helper()
	p.press("Show as table")
	p.wait(`!!document.querySelector('table.data tbody tr')`)
	var rows [][]string
	text := eval[string](p, `JSON.stringify([...document.querySelectorAll('table.data tr')].map((r) => [...r.cells].map((c) => c.innerText.trim())))`)
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		p.t.Fatal(err)
	}
	byDay := map[string][]string{}
	for _, r := range rows {
		byDay[r[0]] = r[1:]
	}
	return byDay
}

func TestAFileIsUploadedAndItsNumbersAreRight(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{prefix: "/deep/down"})
	p := open(t, wide, v.address("?view=upload"))
	day := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	p.choose("events.csv", header+rows(7, "started", day)+rows(3, "ended", day)+rows(2, "started", day.AddDate(0, 0, 1))+
		",T1,started,2025-01-01T00:00:00Z\nC1,T1,started,yesterday\nC1,T1,started,tomorrow\n")
	p.press("Upload")
	p.see("12 events stored")
	p.see("3 rows rejected (20%)")
	p.see("candidate_id is missing")
	p.see("yesterday")
	if n := strings.Count(p.shown(), "tomorrow"); n != 0 {
		t.Errorf("the second row with the same error is shown too")
	}
	p.shoot("receipt.png")
	eval[any](p, `(() => { window.saved = []; const make = URL.createObjectURL; URL.createObjectURL = (blob) => { saved.push(blob); return make(blob) } })()`)
	eval[any](p, `(() => { const { click } = HTMLElement.prototype; HTMLAnchorElement.prototype.click = function () { if (this.download) window.savedAs = this.download; else click.call(this) } })()`)
	p.press("Download rejected rows")
	p.wait(`window.savedAs === 'events-rejected.csv'`)
	eval[any](p, `saved[0].arrayBuffer().then((b) => { window.begin = [...new Uint8Array(b.slice(0, 4))].join() })`)
	p.wait(`window.begin === '239,187,191,99'`) // a mark of UTF-8, and the first column
	p.wait(`[...document.querySelectorAll('.receipt a')].some((a) => a.innerText === 'Upload corrected rows' && a.href.includes('repairs='))`)
	p.press("View results")
	p.see("Activity by hour and weekday")
	got := p.table()
	want := map[string][]string{
		"Day":                         {"started", "ended", "Total"},
		day.Format("Mon, 2 Jan 2006"): {"7", "3", "10"},
		day.AddDate(0, 0, 1).Format("Mon, 2 Jan 2006"): {"2", "0", "2"},
	}
	for name, row := range want {
		if d := cmp.Diff(row, got[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if len(got) != 29 { // and the header
		t.Errorf("%d rows in the table of 28 days", len(got))
	}
}

func TestAFileIsDroppedOrPasted(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
	p.wait(`!!document.querySelector('.drop')`)
	content, _ := json.Marshal(header + rows(5, "started", time.Now().Add(-time.Hour)))
	eval[any](p, fmt.Sprintf(`(() => {
		const all = new DataTransfer();
		all.items.add(new File([%s], 'dropped.csv'));
		document.querySelector('.drop').dispatchEvent(new DragEvent('drop', { dataTransfer: all, bubbles: true, cancelable: true }));
	})()`, content))
	p.see("dropped.csv")
	p.press("Upload")
	p.see("5 events stored")

	eval[any](p, fmt.Sprintf(`(() => {
		const all = new DataTransfer();
		all.setData('text', %s);
		document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: all, bubbles: true }));
	})()`, content))
	p.see("pasted.csv")
	eval[any](p, `document.querySelector('#work input[type=checkbox]').click()`) // process right away
	p.press("Upload")
	p.see("This file was already uploaded")
	if link := eval[string](p, `document.querySelector('#work a').getAttribute('href')`); !strings.Contains(link, "view=batch&id=") {
		t.Errorf("the link is %q", link)
	}
	p.press("Store it anyway")
	p.see("5 events stored")
	p.press("Process")
	p.see("View results")
}

func TestRowsAlreadyUploadedAreSkipped(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
	content := header + rows(5, "started", time.Now().Add(-time.Hour))
	skip := func() { eval[any](p, `document.querySelector('#dedupe').value = 'occurrence'`) }
	p.choose("first.csv", content)
	skip()
	p.press("Upload")
	p.see("5 events stored")
	content += rows(2, "ended", time.Now().Add(-time.Hour))
	p.choose("second.csv", content)
	skip()
	p.shoot("choice.png")
	eval[any](p, `document.querySelectorAll('#work input[type=checkbox]')[2].click()`) // dry run
	p.press("Upload")
	p.see("2 events would be stored")
	p.see("5 rows would be skipped: already uploaded.")
	p.shoot("skipped.png")
	p.press("Upload this file")
	p.see("2 events stored")
	p.see("5 rows skipped: already uploaded.")
	p.press("Show batch")
	p.see("5, skipped")
}

func TestAnUploadShowsItsProgress(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "409") // while the server has not noticed
	p.choose("slow.csv", header+strings.Repeat("C1,T1,started,2025-11-08T09:00:00Z\n", 300_000))
	p.do(chromedp.Evaluate[chromedp.Void](`(() => {
		// What the browser reports of a slow line, with the sending held up.
		const send = XMLHttpRequest.prototype.send;
		XMLHttpRequest.prototype.send = function (file) {
			this.upload.onprogress({ loaded: file.size / 4, total: file.size });
			window.go = () => send.call(this, file);
		};
	})()`))
	p.press("Upload")
	p.wait(`document.querySelector('progress')?.value === 0.25`)
	p.wait(`/2\.5 MiB of 10 MiB · .+\/s · 0:0\d left/.test(document.querySelector('#work').innerText)`)
	p.shoot("progress.png")
	eval[any](p, "window.go()")
	p.see("300,000 events stored")
}

// blockingLimiter allows no upload until it is closed.
type blockingLimiter chan struct{}

func (w blockingLimiter) Allow(ctx context.Context, _ string) (ratelimit.Decision, error) {
	select {
	case <-w:
	case <-ctx.Done():
	}
	return ratelimit.Decision{Allowed: true}, ctx.Err()
}

// The server may notice late that an upload is cancelled, or store it nevertheless:
// sent again, it is stored once.
func TestAnUploadCanBeCancelled(t *testing.T) {
	t.Parallel()
	hold := make(blockingLimiter)
	v := serve(t, setup{limiter: hold})
	p := open(t, wide, v.address("?view=upload"), "409")
	p.choose("slow.csv", header+rows(2, "started", time.Now().Add(-time.Hour)))
	p.press("Upload")
	p.press("Cancel")
	p.see("Upload cancelled.")
	close(hold)
	p.press("Upload again")
	p.see("2 events stored")
	if n, err := v.service.Batches(t.Context(), store.BatchQuery{}); err != nil || len(n) != 1 {
		t.Errorf("%d batches, %v; want one", len(n), err)
	}
}

func TestAFileThatCannotBeTakenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "422")
	p.choose("wrong.csv", "candidate,test_id,event_type,timestamp\nC1,T1,a,2025-11-08\n")
	p.press("Upload")
	p.see("Rename the columns in the first line of the file")
	p.see("Should candidate be named candidate_id?")
	p.shoot("wrong-columns.png")
	p.choose("bad.csv", header+"C1,T1,started,soon\n")
	p.press("Upload")
	p.see("Fix the rows below")
	p.see("soon")
	p.choose("empty.csv", header)
	p.press("Upload")
	p.see("The file is empty or has only a header")
}

func TestAFileIsTriedAndThenStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	v.upload("before.csv", header+rows(30, "started", day), true)
	p := open(t, wide, v.address("?view=upload"), "422")
	tick := func(name string) {
		t.Helper()
		eval[any](p, fmt.Sprintf(`[...document.querySelectorAll('#work label')].find((l) => l.innerText.includes(%q)).querySelector('input').click()`, name))
	}
	bad := ",T1,started,2025-01-01T00:00:00Z\nC1,T1,started,yesterday\nC1,T1,started,tomorrow\n"
	p.choose("events.csv", header+rows(12, "started", day)+rows(1, "ended", day)+bad)
	tick("Dry run")
	p.press("Upload")
	p.see("13 events would be stored")
	p.see("3 rows would be rejected (18.8%)")
	p.see("line 16")
	p.wait(fmt.Sprintf(`[...document.querySelectorAll('.preview tr')].some((r) => [...r.cells].map((c) => c.innerText).join(' ') === %q)`,
		day.Format("2 Jan 2006")+" started 30 +12 42"))
	p.shoot("dry-run.png")
	if n, err := v.service.Batches(t.Context(), store.BatchQuery{}); err != nil || len(n) != 1 {
		t.Errorf("%d batches, %v; want the one that was there", len(n), err)
	}
	p.press("Upload this file")
	p.see("13 events stored")

	p.choose("strict.csv", header+rows(2, "started", day)+bad)
	tick("Reject the file if any row is invalid")
	p.press("Upload")
	p.see("3 of 5 rows rejected, none may be (strict); nothing was stored.")
	p.see("or clear “Reject the file if any row is invalid”")
	p.see("3 rejected rows")
	p.shoot("strict.png")
}

func TestCorrectedRowsAreTrackedPerBatch(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	id := v.upload("events.csv", header+rows(5, "started", day)+",T1,started,2025-01-01T00:00:00Z\nC1,T1,started,yesterday\n", true)
	p := open(t, wide, v.address("?view=batch&id="+id))
	p.see("2 of 2 rejected rows")
	p.press("Upload corrected rows")
	p.see("Corrected rows for events.csv")
	p.see("Not corrected yet: 2 of 2 rejected rows.")
	p.choose("corrected.csv", header+rows(1, "started", day))
	p.press("Upload")
	p.see("1 event stored")
	p.press("events.csv")
	p.see("1 of 2 rejected rows")
	p.see("Corrected by")
	p.shoot("repaired.png")
	p.wait(`!!document.querySelector('.corrections .completed')`)
	receipt, err := v.service.Upload(t.Context(), eventmetrics.File{Name: "rest.csv", Body: strings.NewReader(header + rows(1, "ended", day)), RepairOf: id})
	if err != nil {
		t.Fatal(err)
	}
	p.see("None: all rejected rows were corrected") // without a reload
	p.press("corrected.csv")
	p.see("Corrects")
	p.press(id)
	p.see("rest.csv")
	if err := v.service.DeleteBatch(t.Context(), receipt.Batch.ID); err != nil {
		t.Fatal(err)
	}
	p.see("1 of 2 rejected rows")
}

// everySecondRefused is a limiter that refuses every second upload for a minute.
type everySecondRefused struct{ uploads atomic.Int32 }

func (l *everySecondRefused) Allow(context.Context, string) (ratelimit.Decision, error) {
	if l.uploads.Add(1)%2 == 0 {
		return ratelimit.Decision{Limit: 1, ResetAfter: time.Minute, Window: time.Minute}, nil
	}
	return ratelimit.Decision{Allowed: true}, nil
}

func TestARefusalCountsDownAndSendsAgain(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{limiter: new(everySecondRefused)})
	p := open(t, wide, v.address("?view=upload"), "429")
	content := header + rows(4, "started", time.Now().Add(-time.Hour))
	p.choose("first.csv", content)
	p.press("Upload")
	p.see("4 events stored")
	p.choose("second.csv", content+rows(1, "late", time.Now().Add(-time.Hour)))
	p.press("Upload")
	p.wait(`/Send again in (1:00|0:\d\d)/.test(document.querySelector('#work').innerText)`)
	if eval[bool](p, `document.querySelector('#work button.primary').disabled`) == false {
		t.Error("it may be sent again before its time")
	}
	p.shoot("refused.png")
	eval[any](p, `(() => { const now = Date.now; Date.now = () => now() + 60_000 })()`) // a minute later
	p.press("Send again")
	p.see("5 events stored")
}

func TestAnUnreachableServerIsSaidAndFoundAgain(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	v.upload("a.csv", header+rows(9, "started", time.Now().Add(-time.Hour)), true)
	p := open(t, wide, v.address(""), "ERR_", "Failed to load resource")
	p.see("Activity by hour and weekday")
	v.stop()
	p.press("Earlier")
	p.see("The server cannot be reached.")
	p.see("Activity by hour and weekday") // the page stays
	p.wait(`!!document.querySelector('.chart canvas')`)
	p.shoot("offline.png")
	v.down.Store(false)
	p.wait(`!document.body.innerText.includes('cannot be reached')`)
	p.wait(`document.querySelector('.menu .date').innerText.startsWith('Custom')`)

	p.press("Upload")
	p.choose("b.csv", header+rows(3, "started", time.Now().Add(-time.Hour)))
	v.stop()
	p.press("Upload")
	p.see("The connection was lost.")
	p.wait(`/Send again in 0:\d\d/.test(document.querySelector('#work').innerText)`)
	v.down.Store(false)
	p.see("3 events stored")
}

func TestDatesThatMayBeReadInTwoWaysAreAskedAbout(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "422")
	p.choose("dates.csv", header+"C1,T1,started,03/04/2025\nC1,T1,started,05/04/2025\n")
	p.press("Upload")
	p.see("Month first: 03/04/2025 is")
	p.press("Day first: 03/04/2025 is 3 Apr 2025")
	p.see("2 events stored")
}
