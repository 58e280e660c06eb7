package browsertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
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
	p.see("count it at once")
}

// table opens the table twin and returns its rows by bucket, column by column.
func (p *page) table() map[string][]string {
	p.t.Helper()
	p.press("The numbers as a table")
	p.wait(`!!document.querySelector('.twin tbody tr')`)
	var rows [][]string
	text := eval[string](p, `JSON.stringify([...document.querySelectorAll('.twin tr')].map((r) => [...r.cells].map((c) => c.innerText.trim())))`)
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
	p.press("See the numbers")
	p.see("Hours of the week")
	got := p.table()
	want := map[string][]string{
		"day":                         {"started", "ended", "all"},
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
	eval[any](p, `document.querySelector('#work input[type=checkbox]').click()`) // not at once
	p.press("Upload")
	p.see("This file was uploaded before")
	if link := eval[string](p, `document.querySelector('#work a').getAttribute('href')`); !strings.Contains(link, "view=batch&id=") {
		t.Errorf("the link is %q", link)
	}
	p.press("Store it once more")
	p.see("5 events stored")
	p.press("Process")
	p.see("See the numbers")
}

func TestRowsThatAreThereAreLeftOut(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
	content := header + rows(5, "started", time.Now().Add(-time.Hour))
	left := func() { eval[any](p, `document.querySelector('#dedupe').value = 'occurrence'`) }
	p.choose("first.csv", content)
	left()
	p.press("Upload")
	p.see("5 events stored")
	content += rows(2, "ended", time.Now().Add(-time.Hour))
	p.choose("second.csv", content)
	left()
	p.shoot("choice.png")
	eval[any](p, `document.querySelectorAll('#work input[type=checkbox]')[2].click()`) // try without storing
	p.press("Upload")
	p.see("2 events would be stored")
	p.see("5 rows would be left out: uploaded before.")
	p.shoot("leftout.png")
	p.press("Upload it")
	p.see("2 events stored")
	p.see("5 rows left out: uploaded before.")
	p.press("Show the batch")
	p.see("5, left out")
}

func TestAnUploadShowsItsProgress(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
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

// waiting is a limiter that lets nobody in or out before it is told to.
type waiting chan struct{}

func (w waiting) Allow(ctx context.Context, _ string) (ratelimit.Decision, error) {
	select {
	case <-w:
	case <-ctx.Done():
	}
	return ratelimit.Decision{Allowed: true}, ctx.Err()
}

func TestAnUploadCanBeCancelled(t *testing.T) {
	t.Parallel()
	hold := make(waiting)
	v := serve(t, setup{limiter: hold})
	p := open(t, wide, v.address("?view=upload"))
	p.choose("slow.csv", header+rows(2, "started", time.Now().Add(-time.Hour)))
	p.press("Upload")
	p.press("Cancel")
	p.see("Cancelled.")
	close(hold)
	if n, err := v.service.Batches(t.Context(), store.BatchQuery{}); err != nil || len(n) > 0 {
		t.Errorf("%d batches, %v; want none", len(n), err)
	}
	p.press("Send it after all")
	p.see("2 events stored")
}

func TestAFileThatCannotBeTakenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "422")
	p.choose("wrong.csv", "candidate,test_id,event_type,timestamp\nC1,T1,a,2025-11-08\n")
	p.press("Upload")
	p.see("Rename the columns in the first line of the file")
	p.see("Is candidate meant to be candidate_id?")
	p.shoot("wrong-columns.png")
	p.choose("bad.csv", header+"C1,T1,started,soon\n")
	p.press("Upload")
	p.see("Mend the rows below")
	p.see("soon")
	p.choose("empty.csv", header)
	p.press("Upload")
	p.see("The file has a header at most")
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
	tick("try without storing")
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
	p.press("Upload it")
	p.see("13 events stored")

	p.choose("strict.csv", header+rows(2, "started", day)+bad)
	tick("all or nothing")
	p.press("Upload")
	p.see("3 of 5 rows rejected, none may be (strict); nothing was stored.")
	p.see("without “all or nothing”")
	p.see("3 rejected rows")
	p.shoot("strict.png")
}

func TestAMendedFileClosesWhatIsOpen(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	id := v.upload("events.csv", header+rows(5, "started", day)+",T1,started,2025-01-01T00:00:00Z\nC1,T1,started,yesterday\n", true)
	p := open(t, wide, v.address("?view=batch&id="+id))
	p.see("2 of 2 rejected rows")
	p.press("Upload a mended file")
	p.see("A mended file for events.csv")
	p.see("Of its 2 rejected rows, 2 are still open.")
	p.choose("mended.csv", header+rows(1, "started", day))
	p.press("Upload")
	p.see("1 event stored")
	p.press("events.csv")
	p.see("1 of 2 rejected rows")
	p.see("Repaired by")
	p.shoot("repaired.png")
	p.wait(`!!document.querySelector('.repairs .completed')`)
	receipt, err := v.service.Upload(t.Context(), eventmetrics.File{Name: "rest.csv", Body: strings.NewReader(header + rows(1, "ended", day)), RepairOf: id})
	if err != nil {
		t.Fatal(err)
	}
	p.see("none: every rejected row was made good") // without a reload
	p.press("mended.csv")
	p.see("Repairs")
	p.press(id)
	p.see("rest.csv")
	if err := v.service.DeleteBatch(t.Context(), receipt.Batch.ID); err != nil {
		t.Fatal(err)
	}
	p.see("1 of 2 rejected rows")
}

func TestARefusalCountsDownAndSendsAgain(t *testing.T) {
	t.Parallel()
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 1, Window: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	v := serve(t, setup{limiter: limiter})
	p := open(t, wide, v.address("?view=upload"), "429")
	content := header + rows(4, "started", time.Now().Add(-time.Hour))
	p.choose("first.csv", content)
	p.press("Upload")
	p.see("4 events stored")
	p.choose("second.csv", content+rows(1, "late", time.Now().Add(-time.Hour)))
	p.press("Upload")
	p.wait(`/Send again in 0:0[12]/.test(document.querySelector('#work').innerText)`)
	if eval[bool](p, `document.querySelector('#work button.primary').disabled`) == false {
		t.Error("it may be sent again before its time")
	}
	p.shoot("refused.png")
	p.press("Send again")
	p.see("5 events stored")
}

func TestAnUnreachableServerIsSaidAndFoundAgain(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	v.upload("a.csv", header+rows(9, "started", time.Now().Add(-time.Hour)), true)
	p := open(t, wide, v.address(""), "ERR_", "Failed to load resource")
	p.see("Hours of the week")
	v.leave()
	p.press("7 days")
	p.see("The server cannot be reached.")
	p.see("Hours of the week") // what was there stays
	p.shoot("offline.png")
	v.away.Store(false)
	p.wait(`!document.body.innerText.includes('cannot be reached')`)
	p.wait(`document.querySelector('.pills [aria-current]').innerText === '7 days'`)

	p.press("Upload")
	p.choose("b.csv", header+rows(3, "started", time.Now().Add(-time.Hour)))
	v.leave()
	p.press("Upload")
	p.see("The connection was lost.")
	v.away.Store(false)
	p.press("Send again")
	p.see("3 events stored")
}

func TestTheWrongTokenIsAskedForAgain(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.url+"#token=wrong", "403")
	p.see("This token is not accepted.")
	p.shoot("wrong-token.png")
	p.do(chromedp.SendKeys("input[type=password]", token+"\r"))
	p.see("No events yet")
	if got := eval[string](p, `location.href`); strings.Contains(got, "token") {
		t.Errorf("the token stays in the address: %s", got)
	}
	p.do(chromedp.Reload())
	p.see("No events yet") // it is kept for this tab
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
