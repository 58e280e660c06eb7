package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// progress shows the progress of an upload, if there is a screen.
type progress struct {
	t     *Terminal
	name  string
	total int64 // bytes; negative if unknown
	sent  atomic.Int64

	mu      sync.Mutex
	started time.Time // of this attempt
	note    func() string

	quit, ended chan struct{} // nil without a screen
}

// redrawEvery is the time between two updates of the screen.
const redrawEvery = 100 * time.Millisecond

// startProgress starts to draw on t.Err. The caller must call stop.
func startProgress(t *Terminal, name string, total int64) *progress {
	p := &progress{t: t, name: texttable.Plain(filepath.Base(name)), total: total, started: time.Now()}
	if t.columns(t.Err) == 0 {
		return p
	}
	p.quit, p.ended = make(chan struct{}), make(chan struct{})
	go p.redraw()
	return p
}

func (p *progress) redraw() {
	defer close(p.ended)
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		// The last column stays free: some terminals wrap there.
		p.t.warn("\r%s\x1b[K", p.line(p.t.columns(p.t.Err)-1, time.Now()))
		select {
		case <-p.quit:
			p.t.warn("\r\x1b[K")
			return
		case <-tick.C:
		}
	}
}

// stop removes the progress from the screen.
func (p *progress) stop() {
	if p.quit != nil {
		close(p.quit)
		<-p.ended
	}
}

// screen reports whether there is a screen.
func (p *progress) screen() bool { return p.quit != nil }

// attempt returns a reader that counts the bytes of a new attempt.
func (p *progress) attempt(r io.Reader) io.Reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started, p.note = time.Now(), nil
	p.sent.Store(0)
	return &countingReader{r, &p.sent}
}

// say shows a text instead of the bar, until the next attempt.
func (p *progress) say(note func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note = note
}

// line returns the progress in at most so many columns.
func (p *progress) line(columns int, now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.note != nil {
		return texttable.Cut(p.name+"  "+p.note(), columns)
	}
	sent, seconds := float64(p.sent.Load()), now.Sub(p.started).Seconds()
	rate := sent / max(seconds, 0.001)
	if p.total < 0 {
		return texttable.Cut(fmt.Sprintf("%s  %s  %s/s", p.name, bytesText(sent), bytesText(rate)), columns)
	}
	done := min(sent/float64(max(p.total, 1)), 1)
	left := "storing"
	if sent < float64(p.total) {
		left = ""
		if seconds > 1 && sent > 0 {
			left = secondsText(time.Duration((float64(p.total)-sent)/rate*float64(time.Second))) + " left"
		}
	}
	numbers := fmt.Sprintf("%3.0f %%  %s of %s  %s/s  %s", 100*done, bytesText(sent), bytesText(float64(p.total)), bytesText(rate), left)
	name := texttable.Cut(p.name, max(columns/3, 8))
	const widest, least = 30, 5
	width := min(columns-texttable.Width(name)-texttable.Width(numbers)-4, widest)
	if width < least {
		return texttable.Cut(name+"  "+numbers, columns)
	}
	full := int(done * float64(width))
	return name + "  " + strings.Repeat("█", full) + strings.Repeat("░", width-full) + "  " + numbers
}

// countingReader counts the bytes that are read.
type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

// Read implements io.Reader.
func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}
