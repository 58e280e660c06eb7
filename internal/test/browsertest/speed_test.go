package browsertest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// slow makes each answer of the page take 600 ms, and all of them together 30 KB a
// second.
func (p *page) slow() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{}); err != nil {
		p.t.Fatal(err)
	}
	_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Latency: 600, DownloadThroughput: 30 << 10, UploadThroughput: 30 << 10}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// hasSession signs the page in, so that all it loads is for the overview.
func (p *page) hasSession(v *server) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, v.url+"session", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := v.http.Client().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for _, c := range res.Cookies() {
		if _, err := chromedp.Call(p.ctx, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: v.url}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// usable is whether the overview shows its chart and all figures.
const usable = `!!document.querySelector('.chart canvas') && !!document.querySelector('.stat') && ![...document.querySelectorAll('.stat .value')].some((v) => v.innerText === '…')`

// load is what the page has loaded, the page among it, but not what it loads
// while it is looked at.
type load struct {
	Names []string
	Bytes int // as transferred, with headers
}

func (p *page) loaded() load {
	return eval[load](p, `(() => { const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((e) => (e.transferSize > 0 || e.initiatorType === 'fetch') && !e.name.endsWith('/rest.js'));
		return { Names: all.map((e) => new URL(e.name).pathname.split('/').at(-1) + ' ' + e.transferSize), Bytes: all.reduce((sum, e) => sum + e.transferSize, 0) } })()`)
}

func TestTheOverviewIsUsableSoonOnASlowConnection(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	v.upload("years.csv", years(time.Now().UTC()), true)
	p := open(t, wide, "about:blank")
	p.hasSession(v)
	p.slow()
	for _, visit := range []struct {
		name            string
		requests, bytes int
	}{{"first", 16, 80 << 10}, {"second", 11, 8 << 10}} {
		p.do(chromedp.Navigate(v.url))
		p.wait(usable)
		took := eval[float64](p, `performance.now()`)
		got := p.loaded()
		t.Logf("%s visit: usable after %.0f ms, %d requests, %d bytes: %q", visit.name, took, len(got.Names), got.Bytes, got.Names)
		if len(got.Names) > visit.requests || got.Bytes > visit.bytes {
			t.Errorf("%s visit: %d requests and %d bytes before the overview is usable, want at most %d and %d: %q", visit.name, len(got.Names), got.Bytes, visit.requests, visit.bytes, got.Names)
		}
	}
}
