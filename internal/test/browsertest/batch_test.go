package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestABatchShowsWhatIsInItAndBackLeadsToItsPlace(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	first := time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC)
	var file strings.Builder
	file.WriteString(header + rows(3, "started", first) + rows(2, "done", first.AddDate(0, 0, 1)) + ",T1,started,2025-11-08\nC1,T1,started,never\n")
	for i := range 14 {
		file.WriteString(rows(1, fmt.Sprintf("step_%02d", i), first.AddDate(0, 0, i)))
	}
	v.upload("oldest.csv", file.String(), true)
	for i := range 59 {
		v.upload(fmt.Sprintf("%d.csv", i), header+rows(1, "started", first), false)
	}
	const shown = `document.querySelectorAll('tr[data-id]').length`
	p := open(t, wide, v.address("?view=batches"))
	p.press("Show more")
	p.wait(shown + ` === 60`)
	eval[any](p, `scrollTo(0, document.body.scrollHeight)`)
	place := eval[float64](p, `scrollY`)
	if place < 500 {
		t.Errorf("60 rows scroll by %v only", place)
	}
	p.press("oldest.csv")

	p.see("First rejected rows")
	if y := eval[float64](p, `scrollY`); y != 0 {
		t.Errorf("a batch begins at %v", y)
	}
	rejected := eval[[]string](p, `[...document.querySelectorAll('.reasons tbody tr')].map((r) => [...r.cells].map((c) => c.innerText).join('|'))`)
	want := []string{"6|7|candidate_id|candidate_id is missing|empty", "7|8|timestamp|" + rejectedTime(rejected) + "|never"}
	if d := cmp.Diff(want, rejected); d != "" {
		t.Errorf("rejected rows: %s", d)
	}
	counts := eval[string](p, `document.querySelector('.contents').innerText`)
	for _, part := range []string{"Days 14", "2025-11-08\t4", "4 more rows", "Event types 16", "started\t3", "6 more rows"} {
		if !strings.Contains(counts, part) {
			t.Errorf("no %q in %q", part, counts)
		}
	}
	if colour := eval[string](p, `getComputedStyle(document.querySelector('main .danger')).borderColor`); !strings.Contains(colour, "rgba(0, 0, 0, 0)") {
		t.Errorf("the border of Delete is %s", colour)
	}
	p.press("done")
	p.see("Activity by hour and weekday")
	if got := eval[string](p, `location.search`); got != "?view=overview&tz=UTC&range=custom&from=2025-11-08&to=2025-11-21&type=done" {
		t.Errorf("the link of a type is %s", got)
	}
	eval[any](p, `history.back()`)
	p.see("First rejected rows")
	eval[any](p, `history.back()`)
	p.wait(shown + ` === 60`)
	p.wait(fmt.Sprintf(`Math.abs(scrollY - %v) < 2`, place))

	// Its counts are damaged.
	eval[any](p, `(() => { const send = fetch; window.fetch = (url, options) => (String(url).includes('/contents')
		? Promise.resolve(new Response('{"detail":"the counts are damaged"}', { status: 500, headers: { 'Content-Type': 'application/problem+json' } })) : send(url, options)) })()`)
	p.press("oldest.csv")
	p.see("The counts are damaged.")
	p.press("Delete oldest.csv")
	p.see("Delete this batch?")
}

// rejectedTime is the reason of the second row, whose words are those of ingest.
func rejectedTime(rows []string) string {
	if len(rows) < 2 || !strings.Contains(rows[1], "timestamp") {
		return "a reason"
	}
	return strings.Split(rows[1], "|")[3]
}
