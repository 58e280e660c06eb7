package browsertest_test

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"sync"

	"github.com/chromedp/chromedp"
)

// axe is axe-core, which finds what keeps people who use a screen reader or no
// mouse from using a page. testdata/axe/fetch.sh fetches it.
//
//go:embed testdata/axe/axe.min.js.gz
var axe []byte

var axeSource = sync.OnceValues(func() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(axe))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
})

// accessible checks the page with axe. Elements that are hidden are not checked:
// open what is to be.
func (p *page) accessible(name string) {
	p.t.Helper()
	source, err := axeSource()
	if err != nil {
		p.t.Fatal(err)
	}
	if !eval[bool](p, `!!window.axe`) {
		eval[any](p, source+";1")
	}
	const run = `axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' (' + (n.any[0] ?? n.all[0] ?? n.none[0])?.message + ')').join('; ')))`
	faults, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](run, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, fault := range faults {
		p.t.Errorf("%s: %s", name, fault)
	}
}

// everyLook are the sizes and themes in which pages are looked at, and twoLooks
// those that have every size and theme once.
var (
	everyLook = []screen{{360, 800, "light"}, {360, 800, "dark"}, {1440, 1000, "dark"}, wide}
	twoLooks  = []screen{{360, 800, "dark"}, wide}
)

// inspect takes pictures of the page, and checks that it is as wide as the window
// and that everyone can use it.
func (p *page) inspect(name string, looks []screen) {
	p.t.Helper()
	for _, s := range looks {
		p.look(s)
		name := name + "-" + s.String()
		p.shoot(name + ".png")
		p.contrast(name)
		p.accessible(name)
		if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			p.t.Errorf("%s is %d pixels too wide", name, over)
		}
	}
}
