package browsertest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// browser is the process that all tests share. Each page has its own browser
// context, and so its own storage.
var browser struct {
	once sync.Once
	ctx  context.Context //nolint:containedctx // chromedp keeps its state in contexts
	err  error
	end  []func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, end := range slices.Backward(browser.end) {
		end()
	}
	os.Exit(code)
}

func startBrowser(path string) {
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		browser.err = err
		return
	}
	browser.end = append(browser.end, func() { _ = os.RemoveAll(dir) })
	ctx, end := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.UserDataDir(dir),
		// Nothing leaves the machine.
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	browser.end = append(browser.end, end)
	browser.ctx, end = chromedp.NewContext(ctx)
	browser.end = append(browser.end, end)
	browser.err = chromedp.Do(browser.ctx) // starts it
}

// page is a tab.
type page struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps its state in contexts

	mu      sync.Mutex
	console []string
}

// screen is a size of a window and a theme.
type screen struct {
	width, height int64
	theme         string
}

func (s screen) String() string { return fmt.Sprintf("%d-%s", s.width, s.theme) }

var wide = screen{1440, 1000, "light"}

// open opens an address in a new tab. At the end of the test the console must
// be without errors but those that begin with one of allowed.
func open(t *testing.T, s screen, url string, allowed ...string) *page {
	t.Helper()
	path := testenv.Chromium(t)
	browser.once.Do(func() { startBrowser(path) })
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	p := openIn(browser.ctx, t, allowed, chromedp.WithNewBrowserContext())
	p.look(s)
	p.do(chromedp.Navigate(url))
	return p
}

// tab opens another tab beside the page.
func (p *page) tab(url string, allowed ...string) *page {
	p.t.Helper()
	beside := openIn(p.ctx, p.t, allowed)
	beside.do(chromedp.Navigate(url))
	return beside
}

func openIn(parent context.Context, t *testing.T, allowed []string, options ...chromedp.ContextOption) *page {
	t.Helper()
	ctx, end := chromedp.NewContext(parent, options...)
	t.Cleanup(end)
	if end, ok := t.Deadline(); ok { // fails with what the page shows, before the test binary is killed
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, end.Add(-10*time.Second))
		t.Cleanup(stop)
	}
	p := &page{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	p.listen(allowed)
	return p
}

// look sets the size and the theme.
func (p *page) look(s screen) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(s.width, s.height))
}

// listen collects the messages of the console. Violations of the policy and
// failed requests are errors there, too.
func (p *page) listen(allowed []string) {
	messages := chromedp.Console(p.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || string(m.Type) == "error" || string(m.Type) == "warning" {
				p.mu.Lock()
				p.console = append(p.console, m.Source+" "+m.Text+" "+m.URL)
				p.mu.Unlock()
			}
		}
	}()
	p.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, text := range p.console {
			if !containsAny(text, allowed) {
				p.t.Errorf("the console says: %.500s", text)
			}
		}
	})
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatalf("%v\nthe page shows: %.800s", err, p.shown())
	}
}

// shown returns the text of the page, or "" if it cannot be read.
func (p *page) shown() string {
	text, _ := chromedp.Run(context.WithoutCancel(p.ctx), chromedp.Evaluate[string](`[...document.querySelectorAll("#banner, main, dialog, #toast")].map((e) => { e = e.cloneNode(true); for (const s of e.querySelectorAll("select")) s.remove(); return e.textContent }).join("\n")`))
	return text
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// patience is how long a page may take on a slow machine.
const patience = 2 * time.Minute

// wait waits until a JavaScript expression is true.
func (p *page) wait(expression string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(20*time.Millisecond)))
	if err != nil {
		p.t.Fatalf("waiting for %s: %v\nthe page shows: %.800s", expression, err, p.shown())
	}
}

// see waits until the page shows a text.
func (p *page) see(text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// press clicks the first visible button, link or summary with a text: of a
// dialog before the page, and of the page before the navigation.
func (p *page) press(text string) {
	p.t.Helper()
	find := fmt.Sprintf(`['dialog[open]', 'main', 'body'].flatMap((part) => [...document.querySelectorAll(part + ' :is(button, a, summary)')]).find((e) => (e.innerText.trim() === %q || e.ariaLabel === %q) && e.checkVisibility() && !e.disabled)`, text, text)
	p.wait("!!" + find)
	eval[any](p, find+".click()")
}

// shoot saves a picture of the whole page.
func (p *page) shoot(name string) {
	p.t.Helper()
	dir := filepath.Join("..", "..", "..", "build", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
