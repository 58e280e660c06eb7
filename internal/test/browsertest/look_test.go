package browsertest_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// contrast checks that each text stands out from its background, as WCAG AA
// requires: 4.5 to 1, or 3 to 1 for large text.
func (p *page) contrast(name string) {
	p.t.Helper()
	for _, fault := range eval[[]string](p, contrastFaults) {
		p.t.Errorf("%s: %s", name, fault)
	}
}

const contrastFaults = `(() => {
	const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
	const seen = new Map();
	const rgba = (colour) => {
		if (!seen.has(colour)) { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); seen.set(colour, [...pen.getImageData(0, 0, 1, 1).data]) }
		return seen.get(colour);
	};
	const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
	const background = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c.slice(0, 3) } return [255, 255, 255] };
	const faults = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let t; (t = walk.nextNode());) {
		const e = t.parentElement;
		if (!t.data.trim() || !e.checkVisibility() || e.closest('.vh, :disabled, script, noscript, option, .skip')) continue;
		const s = getComputedStyle(e);
		const [a, b] = [light(rgba(s.color).slice(0, 3)), light(background(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700);
		if (ratio < (large ? 3 : 4.5)) faults.add(t.data.trim().slice(0, 40) + ' has a contrast of ' + ratio.toFixed(2));
	}
	return [...faults];
})()`

func TestEveryPageHasItsPicture(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{idle: true})
	failed := v.bury("disk.csv", "disk on fire")
	v.bury("other.csv", "disk on fire")
	v.work()
	v.upload("waiting.csv", header+rows(40, "login", time.Now().Add(-3*time.Hour)), false)
	p := open(t, wide, v.address("?view=upload"))
	p.see("File format")
	eval[any](p, `(async () => { const { load } = await import(document.querySelector('script').src); const { demoFile } = await load('demo.js'); window.demo = await demoFile().text(); return 1 })()`)
	p.wait("!!window.demo")
	id := v.upload("demo.csv", eval[string](p, "window.demo"), true)
	for _, page := range []struct{ name, query, text string }{
		{"overview", "", "Activity by hour and weekday"},
		{"explain", "?range=7d&day=" + time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly) + "&of=test_started", "demo.csv"},
		{"nothing", "?range=custom&from=2020-01-01&to=2020-01-31", "No events in this range"},
		{"upload", "?view=upload", "File format"},
		{"batches", "?view=batches", "live"},
		{"batch", "?view=batch&id=" + id, "SHA-256"},
		{"failed", "?view=batch&id=" + failed, "disk on fire"},
		{"dead", "?view=dead", "disk on fire"},
	} {
		p.do(chromedp.Navigate(v.url + page.query))
		p.see(page.text)
		p.wait(`!document.querySelector('[aria-busy]')`)
		if page.name == "dead" {
			p.press("1 attempt of process:" + failed)
		}
		t.Logf("%s: first paint after %.0f ms, whole after %.0f ms", page.name,
			eval[float64](p, `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1`),
			eval[float64](p, `performance.getEntriesByName('drawn')[0]?.startTime ?? -1`))
		p.inspect(page.name, everyLook)
	}
	p = open(t, wide, v.url)
	p.see("Keep me signed in")
	p.inspect("signin", everyLook)
	fresh := serve(t, setup{})
	p = open(t, wide, fresh.address(""))
	p.see("No events yet")
	p.shoot("welcome.png")
}
