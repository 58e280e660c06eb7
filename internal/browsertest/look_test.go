package browsertest_test

import (
	"testing"
	"time"
)

func TestEveryPageHasItsPicture(t *testing.T) {
	v := serve(t, setup{idle: true})
	failed := v.bury("disk.csv", "disk on fire")
	v.bury("other.csv", "disk on fire")
	v.work()
	v.upload("waiting.csv", header+rows(40, "login", time.Now().Add(-3*time.Hour)), false)
	p := open(t, wide, v.address("?view=upload"))
	p.see("What a file looks like")
	eval[any](p, `(async () => { const { demoFile } = await import(new URL('assets/demo.js', location.href)); window.demo = await demoFile().text(); return 1 })()`)
	p.wait("!!window.demo")
	id := v.upload("demo.csv", eval[string](p, "window.demo"), true)
	for _, s := range []screen{wide, {1440, 1000, "dark"}, {360, 800, "light"}, {360, 800, "dark"}} {
		t.Run(s.String(), func(t *testing.T) {
			for _, page := range []struct{ name, query, text string }{
				{"overview", "", "Hours of the week"},
				{"explain", "?range=7d&day=" + time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly) + "&of=test_started", "demo.csv"},
				{"nothing", "?range=custom&from=2020-01-01&to=2020-01-31", "No events in this range"},
				{"upload", "?view=upload", "What a file looks like"},
				{"batches", "?view=batches", "live"},
				{"batch", "?view=batch&id=" + id, "SHA-256"},
				{"failed", "?view=batch&id=" + failed, "disk on fire"},
				{"dead", "?view=dead", "disk on fire"},
			} {
				p := open(t, s, v.address(page.query))
				p.see(page.text)
				p.wait(`!document.querySelector('[aria-busy]')`)
				p.shoot(page.name + "-" + s.String() + ".png")
				if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s is %d pixels too wide", page.name, over)
				}
			}
		})
	}
	p = open(t, wide, v.url, "401")
	p.see("The token of the server")
	p.shoot("token.png")
	fresh := serve(t, setup{})
	p = open(t, wide, fresh.address(""))
	p.see("No events yet")
	p.shoot("welcome.png")
}
