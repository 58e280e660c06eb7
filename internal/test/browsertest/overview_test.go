package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
)

// settled waits until the page is drawn and complete.
func (p *page) settled() {
	p.t.Helper()
	p.wait(`!document.querySelector('[aria-busy]') && !/Loading|needs JavaScript/.test(document.querySelector('main').innerText)`)
}

func TestTheDateMenuStepsAndIsKept(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	today := time.Now().UTC().Truncate(24 * time.Hour)
	day := today.AddDate(0, 0, -1)
	v.upload("a.csv", header+rows(8, "started", day.Add(10*time.Hour))+rows(2, "started", today.AddDate(-2, 0, 0)), true)
	p := open(t, wide, v.address(""))
	p.settled()
	label := func() string { return eval[string](p, `document.querySelector('.menu .date').ariaLabel`) }
	// By keyboard: the menu opens at the current range, and Escape closes it.
	p.do(chromedp.Focus(".menu .date"), chromedp.KeyEvent(kb.Enter))
	p.wait(`document.activeElement.innerText === '28 days'`)
	p.accessible("the date menu")
	p.shoot("date-menu.png")
	p.do(chromedp.KeyEvent(kb.ArrowUp))
	p.wait(`document.activeElement.innerText === '7 days'`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.wait(`document.activeElement.matches('.menu .date') && document.querySelector('.panel').hidden`)
	p.press(label())
	p.press("Today")
	p.see("No events in this range")
	p.press("Earlier")
	p.settled()
	p.wait(`document.querySelector('.stat .value').innerText === '8'`)
	if got := label(); !strings.HasPrefix(got, "Date range: Yesterday, ") {
		t.Errorf("the range is %s", got)
	}
	p.press("Later")
	p.see("No events in this range")
	if !eval[bool](p, `document.querySelector('[aria-label=Later]').ariaDisabled === 'true'`) {
		t.Error("one can go on into the future")
	}
	p.press(label())
	p.press("All time")
	p.settled()
	p.wait(`document.querySelector('.stat .value').innerText === '10'`)
	if got, want := label(), "Date range: All time, "+today.AddDate(-2, 0, 0).Format("2 Jan 2006"); !strings.HasPrefix(got, want) {
		t.Errorf("the range is %s, want %s", got, want)
	}
	p.press("Overview") // the choice is kept
	p.settled()
	p.wait(`document.querySelector('.menu .date').ariaLabel.includes('All time')`)
	p.press(label())
	eval[any](p, `document.querySelector('.panel [name=from]').value = '2031-01-01'`)
	p.press("Apply")
	p.see("The start date is after the end date.")
	eval[any](p, fmt.Sprintf(`(() => { for (const name of ['from', 'to']) document.querySelector('.panel [name=' + name + ']').value = %q })()`, day.Format(time.DateOnly)))
	p.press("Apply")
	p.wait(`location.search.includes('range=custom')`)
	p.settled()
	p.wait(`document.querySelector('.stat .value').innerText === '8'`)
	// An hour is explained by its own files.
	v.upload("b.csv", header+rows(3, "started", day.Add(12*time.Hour)), true)
	explained := func(bar int, hour string) {
		p.do(chromedp.Focus(".chart"), chromedp.KeyEvent(kb.Home))
		for range bar {
			p.do(chromedp.KeyEvent(kb.ArrowRight))
		}
		p.do(chromedp.KeyEvent(kb.Enter))
		p.press("Show files")
		p.see(hour)
		p.wait(`/a\.csv\s+8\s+1 batch\s+8/.test(document.querySelector('dialog').innerText)`)
	}
	explained(10, "10:00 to 11:00 (UTC)")
	p.do(chromedp.KeyEvent(kb.Escape))
	p.wait(`[...document.querySelectorAll('.stat')].find((s) => s.innerText.startsWith('Hourly average')).innerText.includes('0.3')`)
	p.press("Overview") // dates of one's own are kept, too
	p.settled()
	p.wait(`location.search === '' && document.querySelector('.stat .value').innerText === '11'`)
	// So is an hour of a zone that is half an hour off: 15:00 in India.
	p.do(chromedp.Navigate(v.url + "?interval=hour&tz=Asia/Kolkata"))
	p.settled()
	explained(15, "09:30 to 10:30 (UTC)")
}

func TestAnUnfinishedDayIsComparedWithTheSamePart(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 11, 8, 10, 31, 0, 0, time.UTC)
	v := serve(t, setup{service: eventmetrics.Options{Now: func() time.Time { return now }}})
	v.upload("a.csv", header+rows(20, "started", now.Add(-time.Hour))+rows(10, "started", now.AddDate(0, 0, -1).Add(-2*time.Hour))+rows(90, "started", now.AddDate(0, 0, -1).Add(time.Hour))+
		rows(3, "started", now.AddDate(0, 0, -9))+rows(5, "started", now.AddDate(0, 0, -7)), true)
	p := open(t, wide, v.url+"docs")
	if _, err := chromedp.Call(p.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf("{ const now = %d; const D = Date; window.Date = class extends D { constructor(...a) { a.length ? super(...a) : super(now) } static now() { return now } } }", now.UnixMilli())}); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.Navigate(v.address("?range=today")))
	p.settled()
	p.see("▲ 100%") // 20 beside 10, not beside 100
	p.see("Compared from the second day on")
	p.wait(`!!document.querySelector('.stat [title="Compared to 7 Nov 2025, the same part of it"]')`)
	// Subjects are compared in whole days: 7 beside 3, and not beside the 5 of the day
	// that today would be compared with.
	p.do(chromedp.Navigate(v.url + "?range=7d"))
	p.see("▲ 133.3%")
	p.see("without today")
	p.wait(`!!document.querySelector('.stat [title="Compared to 26 Oct to 31 Oct 2025, without today"]')`)
}

func TestNumbersAreFiltered(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{service: eventmetrics.Options{Dimensions: []string{"test_id"}}})
	v.upload("a.csv", header+"C1,T1,started,2025-11-08\nC2,T1,ended,2025-11-08\nC2,T2,started,2025-11-08\nC2,T2,late,2025-11-08\nC3,T2,late,2025-11-08\n", true)
	p := open(t, wide, v.address("?range=custom&from=2025-11-08&to=2025-11-09&interval=day&compare=none"))
	p.settled()
	sum := func(want string) {
		t.Helper()
		p.wait(`document.querySelector('.stat .value')?.innerText === '` + want + `' && !document.querySelector('[aria-busy]')`)
	}
	sum("5")
	colour := eval[string](p, `[...document.querySelectorAll('.legend li')].find((l) => l.innerText === 'late').firstChild.style.background`)
	// From the table: two types, of which the others are still listed.
	eval[any](p, `document.querySelector('[aria-label="Filter by late"]').click()`)
	sum("2")
	eval[any](p, `document.querySelector('[aria-label="Filter by ended"]').click()`)
	sum("3")
	names := eval[[]string](p, `[...document.querySelectorAll('.types tbody tr')].map((r) => r.innerText.split('\t')[0].trim() + (r.matches('.off') ? ' off' : ''))`)
	if d := cmp.Diff([]string{"late", "started off", "ended"}, names); d != "" {
		t.Error(d)
	}
	if got := eval[string](p, `[...document.querySelectorAll('.legend li')].find((l) => l.innerText === 'late').firstChild.style.background`); got != colour {
		t.Errorf("late was %s and is %s", colour, got)
	}
	// From the legend, and from what a bar consists of.
	eval[any](p, `[...document.querySelectorAll('.legend a')].find((a) => a.innerText === 'late').click()`)
	sum("1")
	eval[any](p, `document.querySelector('.chips a').click()`)
	sum("5")
	p.do(chromedp.Focus(".chart"), chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.Enter))
	p.accessible("the tooltip")
	p.shoot("tooltip.png")
	p.press("started")
	sum("2")
	// From the dialog: values of a dimension, also the empty one.
	p.press("Filter")
	eval[any](p, `(() => { const s = document.querySelector('dialog select'); s.value = 'test_id'; s.dispatchEvent(new Event('change')) })()`)
	p.wait(`document.querySelectorAll('.values label').length === 2`) // of the events that started
	p.accessible("the filter")
	p.shoot("filter.png")
	eval[any](p, `(() => { const i = document.querySelector('dialog [type=search]'); i.value = 't2'; i.dispatchEvent(new Event('input')) })()`)
	p.wait(`document.querySelectorAll('.values label').length === 1`)
	eval[any](p, `document.querySelector('.values input').click()`)
	p.press("Apply")
	sum("1")
	p.wait(`location.search.includes('where.test_id=T2') && location.search.includes('type=started')`)
	p.press("Remove all")
	sum("5")
	eval[any](p, `(() => { const s = document.querySelector('[name=choose-group]'); s.value = 'test_id'; s.dispatchEvent(new Event('change')) })()`)
	p.wait(`location.search.includes('group=test_id') && !document.querySelector('[aria-busy]')`)
	eval[any](p, `document.querySelector('[aria-label="Filter by T1"]').click()`)
	sum("2")
}

func TestTheTableOfTypesIsSortedSearchedAndOpened(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	day := time.Now().UTC().AddDate(0, 0, -2)
	var b strings.Builder
	b.WriteString(header)
	for i := range 20 {
		b.WriteString(rows(40-2*i, fmt.Sprintf("type_%02d", i), day))
	}
	b.WriteString(rows(1, "type_00", day.AddDate(0, 0, -7)))
	v.upload("a.csv", b.String(), true)
	p := open(t, wide, v.address("?range=7d"))
	p.settled()
	names := func() []string {
		return eval[[]string](p, `[...document.querySelectorAll('.types tbody tr')].map((r) => r.querySelector('.cut').innerText)`)
	}
	p.wait(`!!document.querySelector('.types tbody tr')`)
	if got := names(); len(got) != 12 || got[0] != "type_00" {
		t.Errorf("the rows are %v", got)
	}
	p.wait(`document.querySelector('.types tbody td:last-child')?.innerText.startsWith('▲ >999%')`)
	p.press("13 others")
	p.wait(`document.querySelectorAll('.types tbody tr').length === 20 && document.querySelectorAll('.types .spark').length === 20`)
	p.press("Events ▼")
	p.wait(`document.querySelector('.types [aria-sort=ascending]')?.innerText === 'Events ▲'`)
	if got := names(); got[0] != "type_19" {
		t.Errorf("the rows are %v", got)
	}
	p.do(chromedp.SendKeys("#types [type=search]", "_1"))
	p.wait(`document.querySelectorAll('.types tbody tr').length === 10`)
}
