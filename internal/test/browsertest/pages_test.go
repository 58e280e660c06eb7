package browsertest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func TestANewcomerGetsAChartFromTheDemo(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address(""))
	p.see("No events yet")
	p.see(v.url + "uploads?process=true")
	p.press("Load demo events")
	p.see("Activity by hour and weekday")
	p.wait(`document.querySelectorAll('.types tbody tr').length >= 4`)
	p.wait(`!!document.querySelector('.chart canvas')`)
}

func TestAHostileEventTypeStaysText(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	evil := `<img src=x onerror=document.title='owned'>`
	v.upload(evil+".csv", header+rows(5, evil, time.Now().Add(-time.Hour))+rows(2, "__proto__", time.Now().Add(-time.Hour))+rows(1, "constructor", time.Now().Add(-time.Hour)), true)
	p := open(t, wide, v.address("?range=7d"))
	for _, eventType := range []string{evil, "__proto__", "constructor"} {
		p.see(eventType)
	}
	rows := p.table()
	if got := strings.Join(rows["Day"], " "); got != evil+" __proto__ constructor Total" {
		t.Errorf("the columns are %q", got)
	}
	p.do(chromedp.Navigate(v.url + "?view=batches"))
	p.see(evil + ".csv")
	if n := eval[int](p, `document.querySelectorAll('img').length`); n != 0 {
		t.Errorf("%d images came out of text", n)
	}
	if got := eval[string](p, `document.title`); strings.Contains(got, "owned") {
		t.Error("text of an event was run")
	}
}

func TestABarIsExplainedByItsBatches(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Now().UTC().AddDate(0, 0, -2).Truncate(24 * time.Hour)
	v.upload("one.csv", header+rows(30, "started", day), true)
	v.upload("two.csv", header+rows(12, "started", day)+rows(5, "ended", day), true)
	p := open(t, wide, v.address("?range=7d"))
	p.see("Activity by hour and weekday")
	p.wait(`!!document.querySelector('.chart .u-over')`)
	// The fifth of seven bars, by keyboard.
	p.do(chromedp.Focus(".chart"), chromedp.KeyEvent(kb.Home))
	for range 4 {
		p.do(chromedp.KeyEvent(kb.ArrowRight))
	}
	p.wait(`document.querySelector('.figure > .vh')?.innerText.includes(': 47')`)
	p.do(chromedp.KeyEvent(kb.Enter))
	p.wait(`document.activeElement.matches('.tip.pinned')`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.wait(`document.activeElement.matches('.chart')`)
	p.do(chromedp.KeyEvent(kb.Enter))
	p.press("Show files")
	p.see("Files behind " + day.Format("2 Jan 2006") + " (UTC)")
	p.press("started\n42")
	p.see("one.csv")
	p.see("two.csv")
	p.wait(`/2 batches\s+42/.test(document.querySelector('dialog').innerText)`)
	if got := eval[string](p, "location.search"); !strings.Contains(got, "day="+day.Format(time.DateOnly)) {
		t.Errorf("the address %s does not lead back here", got)
	}
	p.do(chromedp.KeyEvent(kb.Escape))
	p.wait(`!document.querySelector('dialog') && !location.search.includes('day=')`)

	// By mouse: a click into the bar opens its type.
	box := eval[map[string]float64](p, `(() => { const r = document.querySelector('.u-over').getBoundingClientRect(); return { x: r.x, y: r.y, w: r.width, h: r.height } })()`)
	x, y := box["x"]+box["w"]*4.5/7, box["y"]+box["h"]-6
	p.do(chromedp.MouseEvent("mouseMoved", x, y), chromedp.MouseClickXY(x, y))
	p.press("Show files")
	p.wait(`[...document.querySelectorAll('dialog details[open] summary')].map((e) => e.innerText).join().startsWith('started')`)
	p.press("one.csv")
	p.see("SHA-256")
}

func TestTheStateOfAPageIsInItsAddress(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Date(2025, 11, 8, 22, 0, 0, 0, time.UTC)
	v.upload("a.csv", header+rows(300, "started", day)+rows(10, "ended", day), true)
	p := open(t, wide, v.address(""))
	p.see("No events in this range")
	p.press("Show November 2025")
	p.see("310")
	eval[any](p, `(() => { const s = [...document.querySelectorAll('.choice select')].at(-1); s.value = 'Asia/Tokyo'; s.dispatchEvent(new Event('change')) })()`)
	p.wait(`location.search.includes('tz=Asia')`)
	p.see("UTC only")
	p.wait(`!document.querySelector('[aria-busy]')`)
	rows := p.table()
	if got := rows["Sun, 9 Nov 2025"]; len(got) == 0 || got[0] != "300" { // all is after midnight there
		t.Errorf("9 November in Tokyo is %v, want 300", got)
	}
	address := eval[string](p, "location.href")
	eval[any](p, `[...document.querySelectorAll('.legend a')].find((a) => a.innerText === 'ended').click()`)
	p.wait(`/event type:\s*ended/.test(document.querySelector('.chips')?.innerText)`)
	p.do(chromedp.NavigateBack())
	p.wait(`!document.querySelector('.chips')`)
	other := open(t, wide, address+"#token="+token)
	other.see("310")
	other.wait(`[...document.querySelectorAll('.choice select')].at(-1).value === 'Asia/Tokyo'`)
}

func TestCountsAreComparedToAnEarlierPeriod(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Date(2025, 11, 8, 22, 0, 0, 0, time.UTC)
	v.upload("a.csv", header+rows(20, "started", day)+rows(10, "started", day.AddDate(0, 0, -1))+rows(40, "started", day.AddDate(-1, 0, 0)), true)
	p := open(t, wide, v.address("?range=custom&from=2025-11-08&to=2025-11-08"))
	p.see("▲ 100%")
	p.wait(`document.querySelector('.legend').innerText.includes('Previous period')`)
	if rows := p.table(); cmp.Diff([]string{"20", "20", "10"}, rows["Sat, 8 Nov 2025, 22:00"]) != "" {
		t.Errorf("the table is %v", rows)
	}
	p.wait(`!!document.querySelector('.stat [title="Compared to 7 Nov 2025"]')`)
	eval[any](p, `(() => { const s = document.querySelector('[name=choose-compare]'); s.value = 'previous_year'; s.dispatchEvent(new Event('change')) })()`)
	p.see("▼ 50%")
	p.wait(`location.search.includes('compare=previous_year') && !document.body.innerText.includes('▲') && !!document.querySelector('.stat [title="Compared to 8 Nov 2024"]')`)
	set := func(value string) {
		eval[any](p, `(() => { const s = document.querySelector('[name=choose-compare]'); s.value = '`+value+`'; s.dispatchEvent(new Event('change')) })()`)
		p.wait(`location.search.includes('compare=` + value + `') && !document.querySelector('[aria-busy]')`)
	}
	set("same_weekday")
	p.see("No earlier data")
	p.wait(`document.querySelector('.types .up').innerText.startsWith('new')`)
	set("none")
	p.wait(`!document.querySelector('.types .change') && !document.querySelector('.swatch.line')`)
}

func TestNumbersAreGroupedByADimension(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{service: eventmetrics.Options{Dimensions: []string{"test_id"}}})
	v.upload("a.csv", header+"C1,<b>T1</b>,started,2025-11-08\nC2,<b>T1</b>,ended,2025-11-08\nC2,T2,started,2025-11-08\nC2,T2,started,2025-11-07\n", true)
	p := open(t, wide, v.address("?range=custom&from=2025-11-08&to=2025-11-10"))
	p.see("Events by type")
	eval[any](p, `(() => { const s = [...document.querySelectorAll('.choice')].find((c) => c.innerText.startsWith('Group by')).querySelector('select'); s.value = 'test_id'; s.dispatchEvent(new Event('change')) })()`)
	p.see("Events by test_id")
	p.wait(`location.search.includes('group=test_id') && !document.querySelector('[aria-busy]')`)
	rows := p.table()
	if d := cmp.Diff([]string{"2", "1", "3", "0"}, rows["Sat, 8 Nov 2025"]); d != "" {
		t.Errorf("%v: %s", rows, d)
	}
	types := eval[string](p, `document.querySelector('.types tbody').innerText`)
	if !strings.HasPrefix(types, "<b>T1</b>") || strings.Contains(types, "started") {
		t.Errorf("the table of values is %q", types)
	}
}

func TestBatchesChangeAsTheyAreWorkedOn(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=batches"))
	p.see("No files uploaded yet")
	p.wait(`!!document.querySelector('.live.on')`)
	id := v.upload("new.csv", header+rows(1234, "started", time.Now().Add(-48*time.Hour)), false)
	p.wait(`document.querySelector('tr[data-id="` + id + `"] .badge')?.innerText === 'uploaded'`)
	p.see("Not counted yet. It is removed after ")
	p.wait(`/^all 1\s+uploaded 1\s+queued 0\s+processing 0\s+completed 0\s+failed 0$/.test(document.querySelector('.pills').innerText)`)
	p.press("Process")
	p.wait(`document.querySelector('tr[data-id="` + id + `"] .badge')?.innerText === 'completed'`)
	p.wait(`!document.body.innerText.includes('Not counted yet')`)
	p.wait(`/^all 1\s.*uploaded 0\s.*completed 1\s+failed 0$/s.test(document.querySelector('.pills').innerText)`)

	p.press("Delete new.csv")
	p.see("Delete this batch?")
	if !eval[bool](p, `document.querySelector('dialog form button').disabled`) {
		t.Error("a batch can be deleted without confirmation")
	}
	p.do(chromedp.SendKeys("dialog form input", "123"))
	if !eval[bool](p, `document.querySelector('dialog form button').disabled`) {
		t.Error("a batch can be deleted with the wrong number")
	}
	p.do(chromedp.SendKeys("dialog form input", "4"))
	p.press("Delete permanently")
	p.see("No files uploaded yet")
	if _, err := v.service.Batch(t.Context(), id); err == nil {
		t.Error("the batch is still there")
	}
}

func TestDeadLettersAreRetriedAndDiscarded(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{idle: true})
	ids := []string{v.bury("a.csv", "disk 1 on fire at 2025-11-08T09:00:00Z"), v.bury("b.csv", "disk 23 on fire at 2025-11-09T10:00:00Z"), v.bury("c.csv", "out of luck"), v.bury("d.csv", "out of luck"), v.bury("e.csv", "out of luck")}
	p := open(t, wide, v.address("?view=dead"))
	p.see("disk … on fire at …") // each cause once
	p.wait(`document.querySelectorAll('details.card').length === 2`)
	p.press("1 attempt of process:" + ids[2])
	p.wait(`/Attempt 1 \d.*\s+out of luck/.test(document.querySelector('tr.attempts:not([hidden])').innerText)`)
	p.press("1 attempt of process:" + ids[2])
	p.wait(`!document.querySelector('tr.attempts:not([hidden])')`)
	for _, id := range ids[3:] {
		eval[any](p, `document.querySelector('[aria-label="Choose process:`+id+`"]').click()`)
	}
	p.press("Discard these 2")
	p.see("Discard 2 jobs?")
	p.do(chromedp.SendKeys("dialog form input", "seen"), chromedp.KeyEvent(kb.Enter))
	p.see("2 jobs discarded.")
	p.wait(`[...document.querySelectorAll('.stat')].at(-1).innerText.includes('3')`)
	p.press("Discard process:" + ids[0])
	p.do(chromedp.SendKeys("dialog form input", "seen"), chromedp.KeyEvent(kb.Enter))
	p.wait(`[...document.querySelectorAll('.stat')].at(-1).innerText.includes('2')`)
	v.work()
	p.press("Retry process:" + ids[1])
	p.see("1 job queued again.")
	p.press("Retry all 1")
	p.see("No dead letters")
	for _, id := range ids[1:3] {
		b, err := v.service.Wait(t.Context(), id)
		if err != nil || b.Status != store.Completed {
			t.Errorf("batch %s is %s, %v", id, b.Status, err)
		}
	}
}

func TestTheAuditsFindingsAreShown(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	id := v.upload("a.csv", header+rows(7, "started", time.Now().Add(-time.Hour)), true)
	p := open(t, wide, v.address("?view=dead"))
	p.see("No known problems.")
	p.see("No audit has run yet.")
	if err := v.store.Amend(t.Context(), id, nil); err != nil {
		t.Fatal(err)
	}
	p.press("Run audit now")
	p.see("The ledger, the daily sums and the raw events do not match.")
	p.wait(`/missing from the ledger\s+0 in the ledger, 7 events/.test(document.querySelector('.integrity').innerText)`)
	if _, err := v.service.Reprocess(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.press("Run audit now")
	p.see("All batches have been checked")
	p.see("No known problems.")
	p.wait(`!document.querySelector('.integrity table')`)
}

func TestSealedDaysHaveALock(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Date(2025, 11, 8, 22, 0, 0, 0, time.UTC)
	id := v.upload("a.csv", header+rows(3, "started", day), true)
	v.upload("b.csv", header+rows(4, "started", day.AddDate(0, 0, 1)), true)
	if err := v.store.PurgeEvents(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	p := open(t, wide, v.address("?range=custom&from=2025-11-08&to=2025-11-09&interval=day"))
	p.see("Activity by hour and weekday")
	rows := p.table()
	if len(rows["Sat, 8 Nov 2025 🔒"]) == 0 || len(rows["Sun, 9 Nov 2025"]) == 0 {
		t.Errorf("the rows are %v", rows)
	}
}

func TestTheEndOfTheServerEndsItsStreams(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=batches"), "ERR_", "Failed to load")
	p.wait(`!!document.querySelector('.live.on')`)
	v.handler.Drain()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := v.http.Config.Shutdown(ctx); err != nil {
		t.Errorf("the server waits for an open page: %v", err)
	}
	p.see("reconnecting")
}

func TestEightTabsAreNotTooMany(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	first := open(t, wide, v.address("?view=batches"))
	first.wait(`!!document.querySelector('.live.on')`)
	// Tabs of one window: only the one in front is visible.
	hide := `(hidden) => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }); document.dispatchEvent(new Event('visibilitychange')) }`
	pages := []*page{first}
	for range 7 {
		last := pages[len(pages)-1]
		eval[any](last, "("+hide+")(true)")
		p := last.tab(v.address("?view=batches"))
		p.wait(`!!document.querySelector('.live.on')`)
		pages = append(pages, p)
	}
	eval[any](pages[7], "("+hide+")(true)")
	eval[any](first, "("+hide+")(false)")
	v.upload("late.csv", header+rows(1, "started", time.Now().Add(-time.Hour)), false)
	first.see("late.csv")
}

func TestTheFocusStaysWhereItWas(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{idle: true})
	id := v.upload("a.csv", header+rows(3, "started", time.Now().Add(-time.Hour)), false)
	p := open(t, wide, v.address("?view=batches"))
	p.wait(`!!document.querySelector('.live.on')`)
	eval[any](p, `document.querySelector('tr[data-id] button').focus()`)
	p.do(chromedp.KeyEvent(kb.Enter))
	p.wait(`document.querySelector('tr[data-id] .badge').innerText === 'queued'`)
	p.wait(`document.activeElement !== document.body`)
	p.do(chromedp.Navigate(v.url + "?view=batch&id=" + id))
	p.see("SHA-256")
	eval[any](p, `document.querySelector('.danger').focus()`)
	v.work()
	p.wait(`document.querySelector('.badge').innerText === 'completed'`)
	// On the button, or on the page if the button was missing for a moment.
	p.wait(`document.activeElement.matches('.danger, #main')`)
	p.do(chromedp.Navigate(v.url))
	p.see("Activity by hour and weekday")
	eval[any](p, `(() => { const s = document.querySelector('[name=choose-interval]'); s.focus(); s.value = 'week'; s.dispatchEvent(new Event('change')) })()`)
	p.wait(`location.search.includes('week') && !document.querySelector('[aria-busy]')`)
	p.wait(`document.activeElement.name === 'choose-interval'`)
}

func TestAnAddressWithNonsenseShowsThePage(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	v.upload("a.csv", header+rows(3, "started", time.Now().Add(-time.Hour)), true)
	p := open(t, wide, v.address(""))
	for _, query := range []string{
		"?view=constructor", "?view=__proto__", "?day=foo", "?tz=%2B05:30", "?tz=Mars/Base", "?range=custom&from=x&to=y", "?interval=eon", "?range=toString",
	} {
		p.do(chromedp.Navigate(v.address(query)))
		p.see("Activity by hour and weekday")
	}
}
