package browsertest_test

import (
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

// given is a token that a test gives a role.
func given(role httpapi.Role) httpapi.Token {
	return httpapi.Token{Name: "the-" + string(role), Role: role, SHA256: sha256.Sum256([]byte(role))}
}

func TestSigningInWorksInAllTabsAndEnds(t *testing.T) {
	t.Parallel()
	var removed atomic.Bool
	v := serve(t, setup{prefix: "/em", tokens: func() []httpapi.Token {
		if removed.Load() {
			return nil
		}
		return []httpapi.Token{given(httpapi.RoleViewer)}
	}})
	v.upload("a.csv", header+rows(3, "started", time.Now().Add(-time.Hour)), true)
	const keep = "Keep me signed in on this device"

	p := open(t, wide, v.url+"?view=batches#token=wrong", "403", "401", "ERR_")
	p.see("This token is not accepted.")
	if got := eval[string](p, `[...document.querySelectorAll('header nav a')].filter((a) => a.checkVisibility()).map((a) => a.innerText).join(' ')`); got != "API" {
		t.Errorf("a person who is not signed in has the pages %s", got)
	}
	p.shoot("wrong-token.png")
	p.do(chromedp.SendKeys("input[type=password]", "sécrèt…\r"))
	p.see("This token is not accepted.")
	p.do(chromedp.SendKeys("input[type=password]", "viewer\r"))
	p.see("live") // where the person was
	p.see("the-viewer")
	if got := eval[string](p, `location.href + document.cookie + JSON.stringify({ ...sessionStorage, ...localStorage })`); strings.Contains(got, "token") || strings.Contains(got, `"viewer"`) || !strings.HasSuffix(got, "?view=batches{}") {
		t.Errorf("a script finds the token or a cookie: %s", got)
	}
	p.do(chromedp.Reload())
	p.see("live")
	other := p.tab(v.url, "401")
	other.see("Activity by hour and weekday")

	p.press("Sign out")
	p.see(keep)
	other.press("Export CSV")
	other.see(keep)
	eval[any](p, `document.querySelector('input[type=checkbox]').click()`)
	p.do(chromedp.SendKeys("input[type=password]", "viewer\r"))
	p.see("live")
	other.do(chromedp.Reload())
	other.see("Activity by hour and weekday")
	other.do(chromedp.Navigate(v.url + "?view=dead"))
	other.see("No dead letters")

	removed.Store(true)
	v.http.CloseClientConnections()
	p.see(keep)
	other.see(keep)
	other.do(chromedp.SendKeys("input[type=password]", token+"\r"))
	other.see("No dead letters")
	other.see("admin")
}

func TestADashboardShowsWhatTheRoleMayDo(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{tokens: func() []httpapi.Token {
		return []httpapi.Token{given(httpapi.RoleViewer), given(httpapi.RoleUploader), given(httpapi.RoleOverview)}
	}})
	id := v.upload("a.csv", header+rows(3, "started", time.Now().Add(-time.Hour)), true)
	links := func(p *page) string {
		return eval[string](p, `[...document.querySelectorAll('header nav a')].filter((a) => a.checkVisibility()).map((a) => a.innerText).join(' ')`)
	}
	buttons := func(p *page) string {
		return eval[string](p, `[...document.querySelectorAll('main button')].filter((b) => b.checkVisibility()).map((b) => b.innerText).join(' ')`)
	}

	p := open(t, wide, v.url+"#token=viewer")
	p.see("Activity by hour and weekday")
	if got := links(p); got != "Overview Batches Dead letters API" {
		t.Errorf("a viewer has the pages %s", got)
	}
	p.do(chromedp.Navigate(v.url + "?view=batch&id=" + id))
	p.see("SHA-256")
	if got := buttons(p); strings.Contains(got, "Delete") || strings.Contains(got, "Process") {
		t.Errorf("a viewer has the buttons %s", got)
	}
	p.do(chromedp.Navigate(v.url + "?view=upload"))
	p.see("The role viewer may not see this page.")

	// A shared link: opening it replaces the session, and its token leaves the address.
	p.do(chromedp.Navigate(v.url + "docs"))
	p.do(chromedp.Navigate(v.url + "#token=overview"))
	p.see("the-overview")
	p.see("Activity by hour and weekday")
	if got := links(p); got != "Overview API" || strings.Contains(eval[string](p, "location.href"), "token") {
		t.Errorf("a shared link has the pages %s", got)
	}

	p.do(chromedp.Navigate(v.url + "docs"))
	p.do(chromedp.Navigate(v.url + "#token=uploader"))
	p.see("the-uploader")
	p.wait(`!!document.querySelector('main input[type=file]')`)
	if got := links(p); got != "Upload API" {
		t.Errorf("an uploader has the pages %s", got)
	}
	p.do(chromedp.Navigate(v.url + "?view=dead"))
	p.see("The role uploader may not see this page.")
}
