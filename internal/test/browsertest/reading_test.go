package browsertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/store"
)

// inBerlin moves the browser to another time zone.
func (p *page) inBerlin() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"}); err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.Reload())
}

// set gives a select or input of the upload form a value.
func (p *page) set(id, value string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`!!document.querySelector(%q)`, id))
	eval[any](p, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')) })()`, id, value))
}

// tick clicks the check box of the upload form that has a label.
func (p *page) tick(label string) {
	p.t.Helper()
	eval[any](p, fmt.Sprintf(`[...document.querySelectorAll('#work label')].find((l) => l.innerText.includes(%q)).querySelector('input').click()`, label))
}

// stored returns the events of each batch, as type and time, by the name of its
// file.
func (v *server) stored() map[string][]string {
	v.t.Helper()
	batches, err := v.service.Batches(v.t.Context(), store.BatchQuery{})
	if err != nil {
		v.t.Fatal(err)
	}
	all := map[string][]string{}
	for _, b := range batches {
		all[b.FileName] = append(all[b.FileName], "")
		for e, err := range v.store.Events(v.t.Context(), b.ID) {
			if err != nil {
				v.t.Fatal(err)
			}
			all[b.FileName] = append(all[b.FileName], e.Type+" "+e.Time.UTC().Format("2006-01-02 15:04"))
		}
	}
	return all
}

// wantStored compares what is stored: "" begins each batch.
func (v *server) wantStored(want map[string][]string) {
	v.t.Helper()
	if d := cmp.Diff(want, v.stored()); d != "" {
		v.t.Errorf("what is stored differs:\n%s", d)
	}
}

const naive = header + "C1,T1,started,2025-11-08 00:30:00\nC1,T1,ended,2025-11-08 00:40:00\n"

var (
	naiveInUTC    = []string{"", "started 2025-11-08 00:30", "ended 2025-11-08 00:40"}
	naiveInBerlin = []string{"", "started 2025-11-07 23:30", "ended 2025-11-07 23:40"}
)

func TestTheFormOffersATimeZoneAndAnEncoding(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
	p.inBerlin()
	p.choose("own.csv", naive)
	got := eval[[]string](p, `[...document.querySelectorAll('#zone option')].map((o) => o.textContent)`)
	if d := cmp.Diff([]string{"Not known: assume UTC and warn", "UTC", "Europe/Berlin (this browser)", "Other …"}, got); d != "" {
		t.Error(d)
	}
	p.set("#zone", "Europe/Berlin")
	p.press("Upload")
	p.see("2 events stored")
	p.see("Read as: CSV, separated by commas, UTF-8, header on line 1, times without a zone read as Europe/Berlin.")

	p.choose("other.csv", naive+"C1,T1,late,2025-11-08 00:50:00\n")
	p.set("#zone", "other")
	p.set("#otherzone", "Nowhere/Atlantis")
	p.press("Upload")
	p.wait(`!document.querySelector('#otherzone').validity.valid`) // nothing is sent
	p.set("#otherzone", "Asia/Tokyo")
	p.press("Upload")
	p.see("3 events stored")
	p.see("times without a zone read as Asia/Tokyo")

	p.choose("latin.csv", "title\n\n"+strings.ReplaceAll(header, ",", ";")+"C1;T1;gepr\xfcft;08.11.2025 09:30\nC1;T1;gepr\xfcft;25.11.2025 09:30\n")
	p.set("#encoding", "windows-1252")
	p.set("#zone", "UTC")
	p.press("Upload")
	p.see("2 events stored")
	p.see("Read as: CSV, separated by semicolons, Windows-1252, header on line 3 (2 lines skipped), dates day first, times without a zone read as UTC.")
	p.shoot("read-as.png")
	v.wantStored(map[string][]string{
		"own.csv":   naiveInBerlin,
		"other.csv": {"", "started 2025-11-07 15:30", "ended 2025-11-07 15:40", "late 2025-11-07 15:50"},
		"latin.csv": {"", "geprüft 2025-11-08 09:30", "geprüft 2025-11-25 09:30"},
	})
}

func TestTimesWithoutZoneAreOfferedTheZoneOfTheBrowser(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
	p.inBerlin()
	p.choose("stored.csv", naive)
	p.press("Upload")
	p.see("2 times have no zone and were read as UTC.")
	p.see("line 2")
	p.look(screen{360, 800, "light"})
	p.shoot("zone-offer-360.png")
	p.narrow("the offer of a zone")
	p.look(wide)
	p.shoot("zone-offer.png")
	v.wantStored(map[string][]string{"stored.csv": naiveInUTC})
	p.press("Delete that batch and upload again with Europe/Berlin")
	p.see("times without a zone read as Europe/Berlin")
	p.wait(`!document.querySelector('.offer, .warnings')`)
	v.wantStored(map[string][]string{"stored.csv": naiveInBerlin})

	p.choose("tried.csv", naive+"C1,T1,late,2025-11-08 00:50:00\n")
	p.tick("Dry run")
	p.press("Upload")
	p.see("3 times have no zone and would be read as UTC.")
	p.press("Check again with Europe/Berlin")
	p.see("times without a zone read as Europe/Berlin")
	p.see("3 events would be stored")
	p.press("Upload this file")
	p.see("3 events stored")
	v.wantStored(map[string][]string{
		"stored.csv": naiveInBerlin,
		"tried.csv":  {"", "started 2025-11-07 23:30", "ended 2025-11-07 23:40", "late 2025-11-07 23:50"},
	})
}

func TestAFileThatIsNotUTF8IsOfferedItsEncoding(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "422", "409")
	bad := header + "C1,T1,gepr\xfcft,2025-11-08T09:00:00Z\n"
	p.choose("refused.csv", bad)
	p.press("Upload")
	p.see("The file seems to be Windows-1252, not UTF-8.")
	p.shoot("encoding-refused.png")
	p.press("Cancel, I will save it as UTF-8")
	p.see("“CSV UTF-8”. Then choose the saved file.")
	v.wantStored(map[string][]string{})

	p.choose("refused.csv", bad)
	p.press("Upload")
	p.press("Upload as Windows-1252")
	p.see("1 event stored")
	v.wantStored(map[string][]string{"refused.csv": {"", "geprüft 2025-11-08 09:00"}})

	p.choose("rejected.csv", bad+"C1,T1,started,2025-11-08T10:00:00Z\n")
	p.press("Upload")
	p.see("1 row rejected (50%)")
	p.press("Keep it, I will correct the rejected rows")
	p.see("“CSV UTF-8”. Then choose the saved file.")
	v.wantStored(map[string][]string{
		"refused.csv":  {"", "geprüft 2025-11-08 09:00"},
		"rejected.csv": {"", "started 2025-11-08 10:00"},
	})

	// The same file with its encoding.
	p.choose("right.csv", bad+"C1,T1,started,2025-11-08T10:00:00Z\n")
	p.set("#encoding", "windows-1252")
	p.press("Upload")
	p.wait(`[...document.querySelectorAll('#work tr')].some((r) => [...r.cells].map((c) => c.innerText).join('|') === 'Encoding|UTF-8|Windows-1252')`)
	p.press("Delete that batch and upload again")
	p.see("2 events stored")

	p.choose("again.csv", bad+"C1,T1,started,2025-11-08T10:00:00Z\nC1,T1,ended,2025-11-08T11:00:00Z\n")
	p.press("Upload")
	p.press("Delete that batch and upload again as Windows-1252")
	p.see("3 events stored")
	v.wantStored(map[string][]string{
		"refused.csv": {"", "geprüft 2025-11-08 09:00"},
		"right.csv":   {"", "geprüft 2025-11-08 09:00", "started 2025-11-08 10:00"},
		"again.csv":   {"", "geprüft 2025-11-08 09:00", "started 2025-11-08 10:00", "ended 2025-11-08 11:00"},
	})
}

func TestAFileThatWasReadOtherwiseReplacesItsBatch(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "409")
	p.inBerlin()
	p.choose("first.csv", naive)
	p.set("#zone", "UTC")
	p.press("Upload")
	p.see("2 events stored")
	p.choose("second.csv", naive)
	p.set("#zone", "Europe/Berlin")
	p.press("Upload")
	p.see("This file was already uploaded, and read in another way.")
	p.wait(`[...document.querySelectorAll('#work tr')].some((r) => [...r.cells].map((c) => c.innerText).join('|') === 'Times without a zone|UTC|Europe/Berlin')`)
	if link := eval[string](p, `document.querySelector('#work a').getAttribute('href')`); !strings.Contains(link, "view=batch&id=") {
		t.Errorf("the link is %q", link)
	}
	p.look(screen{360, 800, "light"})
	p.shoot("read-otherwise-360.png")
	p.narrow("a file read otherwise")
	p.look(wide)
	p.shoot("read-otherwise.png")
	v.wantStored(map[string][]string{"first.csv": naiveInUTC})
	p.press("Delete that batch and upload again")
	p.see("times without a zone read as Europe/Berlin")
	v.wantStored(map[string][]string{"second.csv": naiveInBerlin})
}

func TestABatchStaysUntilTheFileCanReplaceIt(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{limiter: new(everySecondRefused)})
	p := open(t, wide, v.address("?view=upload"), "429", "409") // 409: the batch is being processed
	p.inBerlin()
	later := func() { eval[any](p, `(() => { const now = Date.now; Date.now = () => now() + 60_000 })()`) }
	p.choose("stored.csv", naive)
	p.press("Upload")
	p.press("Delete that batch and upload again with Europe/Berlin")
	p.see("Send again in") // nothing was deleted
	v.wantStored(map[string][]string{"stored.csv": naiveInUTC})
	later()
	p.press("Send again")
	p.see("The earlier batch was deleted and this file is not stored.")
	v.wantStored(map[string][]string{})
	later()
	p.press("Send again")
	p.see("2 events stored")
	v.wantStored(map[string][]string{"stored.csv": naiveInBerlin})
}

func TestSeveralFilesAreUploadedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{limiter: new(everySecondRefused)})
	p := open(t, wide, v.address("?view=upload"), "422", "429")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{
		"one.csv":   header + "C1,T1,one,2025-11-08T09:00:00Z\n",
		"two.csv":   "candidate,test_id,event_type,timestamp\nC1,T1,a,2025-11-08\n",
		"three.csv": header + "C1,T1,three,2025-11-08T09:00:00Z\nC1,T1,three,soon\n",
	} {
		if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.wait(`!!document.querySelector('#file')`)
	p.do(chromedp.SetUploadFiles("#file", []string{at("one.csv"), at("two.csv"), at("three.csv")}))
	p.see("3 files")
	p.see("two.csv, 58 B")
	p.shoot("several.png")
	eval[any](p, `(() => { const now = Date.now; let ahead = 0; Date.now = () => now() + (ahead += 30_000) })()`) // refusals are short
	p.press("Upload")
	p.wait(`document.querySelectorAll('.receipt').length === 2 && !!document.querySelector('.problem')`)
	if got := eval[[]string](p, `[...document.querySelectorAll('#work .upload h2')].map((e) => e.innerText)`); len(got) != 3 ||
		!strings.HasPrefix(got[0], "1 event stored") || got[1] != "two.csv" || !strings.HasPrefix(got[2], "1 event stored") {
		t.Errorf("the answers are %q", got)
	}
	p.see("Should candidate be named candidate_id?")
	p.see("1 row rejected (50%)")
	p.look(screen{360, 800, "light"})
	p.shoot("several-done-360.png")
	p.narrow("several files")
	p.look(wide)
	p.shoot("several-done.png")
	v.wantStored(map[string][]string{"one.csv": {"", "one 2025-11-08 09:00"}, "three.csv": {"", "three 2025-11-08 09:00"}})

	// Files that are dropped are not lost either.
	eval[any](p, `(() => {
		const all = new DataTransfer();
		for (const name of ['four', 'five']) all.items.add(new File(['candidate_id,test_id,event_type,timestamp\nC1,T1,' + name + ',2025-11-08T09:00:00Z\n'], name + '.csv'));
		document.querySelector('.drop').dispatchEvent(new DragEvent('drop', { dataTransfer: all, bubbles: true, cancelable: true }));
	})()`)
	p.see("2 files")
	p.press("Upload")
	p.wait(`document.querySelectorAll('.receipt').length === 2`)
	p.see("four.csv")
	p.see("five.csv")
	if n := len(v.stored()); n != 4 {
		t.Errorf("%d files are stored, want 4", n)
	}
}

func TestARefusedFormatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"), "422")
	for _, c := range []struct {
		name, content string
		says          []string
	}{
		{"book.csv", "PK\x03\x04\x14\x00\x00\x00[Content_Types].xml" + strings.Repeat("\x00", 100), []string{"This is an Excel workbook", "In the spreadsheet program choose File, Save As, and the type “CSV UTF-8”."}},
		{"packed.csv", "PK\x03\x04\x14\x00\x00\x00events.csv" + strings.Repeat("\x00", 100), []string{"Unpack the file and upload the CSV file that is in it."}},
		{"twice.csv", "candidate_id,test_id,event_type,timestamp,timestamp\nC1,T1,a,2025-11-08,2025-11-08\n", []string{"Rename or remove all but one of these columns"}},
	} {
		p.choose(c.name, c.content)
		p.press("Upload")
		for _, text := range c.says {
			p.see(text)
		}
	}
	p.shoot("other-format.png")
}

// narrow checks that the page is not wider than the window.
func (p *page) narrow(name string) {
	p.t.Helper()
	if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		p.t.Errorf("%s is %d pixels too wide", name, over)
	}
	p.contrast(name)
}

func TestWarningsHaveTheirLineAndCount(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address("?view=upload"))
	p.choose("warned.csv", header+"C1,T1,started,2025-11-08T09:00:00Z\nC1,T1,started,2025-11-08T10:00:00Z\nC1,T1,Started,2025-11-08T10:00:00Z\n"+header+"C1,T1,started,soon\n")
	p.press("Upload")
	p.see("events stored")
	got := eval[[]string](p, `[...document.querySelectorAll('.warnings li')].map((e) => e.innerText)`)
	want := []string{
		"the header again: files were joined; it is not counted as a row · 1 row, first on line 5",
		"1 of 4 rows were rejected · 1 row, first on line 6",
		`event_type "Started" differs from the more frequent "started" only in case or in invisible characters · 1 row, first on line 4`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	p.shoot("warnings.png")
}
