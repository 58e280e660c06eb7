package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
)

// TestADryRunOfEachCaseIsPlain compares what users see of files that are easily
// read wrongly. Read the golden file aloud when it changes.
func TestADryRunOfEachCaseIsPlain(t *testing.T) {
	golden, err := filepath.Abs("testdata/dryruns.golden")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("../../ingest/testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	p := front(t, pass)
	t.Chdir(dir)
	files, err := filepath.Glob("*.*son")
	if err != nil {
		t.Fatal(err)
	}
	csv, err := filepath.Glob("*.csv")
	if err != nil {
		t.Fatal(err)
	}
	_ = p.run(append([]string{"upload", "-dry-run"}, append(csv, files...)...)...) // its error counts files that would be refused
	got := regexp.MustCompile(`after 20[0-9T:-]+Z`).ReplaceAllString(p.seen(), "after TOMORROW")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

func TestUploadOffersAnotherReading(t *testing.T) {
	p := front(t, pass)
	night := write(t, "night.csv", header+"C1,T1,x,2025-11-08 22:30:00\n")
	order := write(t, "order.csv", header+"C1,T1,y,03/04/2025\n")
	latin := write(t, "latin.csv", header+"C1,T1,\xe9t\xe9,2025-12-01\nC1,T1,z,2025-12-01\n")
	refused := " NOT UPLOADED: batch BATCH has the same file, read in another way"
	for _, step := range []struct {
		args  []string
		wants []string // parts of what is printed
		total string   // then, date by date
	}{
		{[]string{night}, []string{
			"warning: no time zone in 1 row, first on line 2; read as UTC.", "-zone NAME -replace",
		}, "2025-11-08,x,1\n"},
		{[]string{"-zone", "America/New_York", night}, []string{
			refused + " (time zone was UTC, now America/New_York); to delete that batch and upload the file again, repeat the command with -replace\n",
		}, "2025-11-08,x,1\n"},
		{[]string{"-zone", "America/New_York", "-dry-run", "-replace", night}, []string{
			"dry run, nothing stored: the upload would delete batch BATCH, which has the same file read in another way (time zone was UTC, now America/New_York)",
		}, "2025-11-08,x,1\n"},
		{[]string{"-zone", "America/New_York", "-replace", night}, []string{
			"1 accepted, 0 rejected, completed (in place of batch BATCH, which is deleted)\n",
			"those without a zone read as America/New_York\n",
		}, "2025-11-09,x,1\n"},
		{[]string{"-zone", "America/New_York", "-replace", night}, []string{"(already uploaded"}, "2025-11-09,x,1\n"},
		{[]string{order}, []string{
			"03/04/2025 on line 2 is 3 April 2025 or 4 March 2025, and no other row shows which; repeat the command with -layout dmy (day first) or -layout mdy (month first)",
		}, "2025-11-09,x,1\n"},
		{[]string{"-layout", "dmy", order}, []string{"time stamps like 31/12/2025 (day first)"}, "2025-04-03,y,1\n2025-11-09,x,1\n"},
		{[]string{"-layout", "mdy", order}, []string{refused + " (date order was day first, now month first)"}, "2025-04-03,y,1\n2025-11-09,x,1\n"},
		{[]string{"-layout", "mdy", "-replace", order}, []string{"in place of"}, "2025-03-04,y,1\n2025-11-09,x,1\n"},
		{[]string{latin}, []string{
			"some text is not UTF-8 and seems to be windows-1252; if so, repeat the command with -encoding windows-1252 -replace\n",
		}, "2025-03-04,y,1\n2025-11-09,x,1\n2025-12-01,z,1\n"},
		{[]string{"-mode", "strict", write(t, "latin2.csv", header+"C2,T1,\xe9t\xe9,2025-12-01\nC1,T1,z,2025-12-01\n")}, []string{
			"NOT UPLOADED: 1 of 2 rows rejected, none may be (strict); nothing was stored (422)\n", "repeat the command with -encoding windows-1252\n",
		}, "2025-03-04,y,1\n2025-11-09,x,1\n2025-12-01,z,1\n"},
		{[]string{"-encoding", "latin1", "-replace", "-mode", "strict", latin}, []string{
			"2 accepted, 0 rejected, completed (in place of batch BATCH, which is deleted)", "CSV with commas, ISO-8859-1,",
		}, "2025-03-04,y,1\n2025-11-09,x,1\n2025-12-01,z,1\n2025-12-01,été,1\n"},
		// The new reading is refused: the earlier batch stays.
		{[]string{"-encoding", "shift_jis", "-replace", "-mode", "strict", latin}, []string{"NOT UPLOADED: "}, "2025-03-04,y,1\n2025-11-09,x,1\n2025-12-01,z,1\n2025-12-01,été,1\n"},
		{[]string{"-dry-run", write(t, "book.csv", "PK\x03\x04\x14\x00\x06\x00[Content_Types].xml")}, []string{
			"NOT UPLOADED: this is an Excel workbook; save it as CSV UTF-8 and upload that file\n",
		}, "2025-03-04,y,1\n2025-11-09,x,1\n2025-12-01,z,1\n2025-12-01,été,1\n"},
	} {
		_ = p.run(append([]string{"upload"}, step.args...)...) // its error counts files that were not uploaded
		got := p.seen()
		for _, want := range step.wants {
			if !strings.Contains(got, want) {
				t.Errorf("%v: printed %q, want %q", step.args, got, want)
			}
		}
		if err := p.run("metrics", "-format", "csv"); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff("date,event_type,count\n"+step.total, p.seen()); d != "" {
			t.Errorf("%v: %s", step.args, d)
		}
	}
}

func TestZoneOfThisMachine(t *testing.T) {
	s := newTranscript(t, nil)
	var out strings.Builder
	run := func(zone string, args ...string) error {
		return run(t.Context(), &cli.Terminal{Out: &out, Err: &out, Getenv: env("REFSERVER_URL", s.url, "ADMIN_TOKEN", "secret", "TZ", zone)}, append([]string{"upload", "-dry-run"}, args...))
	}
	night := write(t, "night.csv", header+"C1,T1,x,2025-11-08 22:30:00\n")
	if err := run(":Asia/Kathmandu", "-zone", "local", night); err != nil || !strings.Contains(out.String(), "read as Asia/Kathmandu\n") {
		t.Errorf("%v %s", err, out.String())
	}
	if err := run("", "-zone", "Mars/Olympus", night); cli.ExitStatus(err) != 2 || !strings.Contains(err.Error(), "unknown time zone") {
		t.Errorf("%v %s", err, out.String())
	}
}
