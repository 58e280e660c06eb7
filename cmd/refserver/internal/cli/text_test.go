package cli_test

import (
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
	"github.com/eventmetrics/eventmetrics/store"
)

func TestRetriesOutlastTheClaimsOfAKilledServer(t *testing.T) {
	for _, after := range []time.Duration{0, 5 * time.Second} { // the server says 5 s
		if d := cli.RetriesLast("in_flight", after); d <= store.ClaimTimeout {
			t.Errorf("with Retry-After of %s an upload gives up after %s; claims last %s", after, d, store.ClaimTimeout)
		}
	}
}

func TestWriterDoesWhatPlainDoesHoweverItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var out strings.Builder
		w := cli.PlainWriter(&out)
		for left := text; left != ""; {
			n := rapid.IntRange(1, len(left)).Draw(t, "n")
			if _, err := w.Write([]byte(left[:n])); err != nil {
				t.Fatal(err)
			}
			left = left[n:]
		}
		var want []string
		for line := range strings.SplitSeq(text, "\n") {
			want = append(want, texttable.Plain(line))
		}
		if d := cmp.Diff(strings.Join(want, "\n"), out.String()); d != "" {
			t.Fatal(d)
		}
	})
}

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		name        string
		sent, total int64
		took        time.Duration
		columns     int
		want        string
	}{
		{"half", 50 << 20, 100 << 20, 10 * time.Second, 80, "a.csv  ██████████░░░░░░░░░░░   50 %  50.0 MiB of 100.0 MiB  5.0 MiB/s  10 s left"},
		{"at the start", 0, 100, 0, 80, "a.csv  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    0 %  0 B of 100 B  0 B/s  "},
		{"all is sent", 100, 100, time.Second, 60, "a.csv  ████████████  100 %  100 B of 100 B  100 B/s  storing"},
		{"a narrow screen", 50, 100, 100 * time.Second, 20, "a.csv   50 %  50 B …"},
		{"the size is unknown", 5 << 20, -1, time.Second, 80, "a.csv  5.0 MiB  5.0 MiB/s"},
		{"hours", 1 << 20, 1 << 30, 10 * time.Second, 90, "a.csv  ░░░░░░░░░░░░░░░░░░░░░░░░░░    0 %  1.0 MiB of 1.0 GiB  102.4 KiB/s  2 h 50 min left"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, cli.Bar("a.csv", tc.sent, tc.total, tc.took, tc.columns)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBarFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		columns := rapid.IntRange(1, 200).Draw(t, "columns")
		total := rapid.Int64Range(-1, 1<<50).Draw(t, "total")
		sent := rapid.Int64Range(0, 1<<50).Draw(t, "sent")
		line := cli.Bar(name, sent, total, time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "took")), columns)
		if texttable.Width(line) > columns || !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x1b") {
			t.Fatalf("%d columns: %q", columns, line)
		}
	})
}

func TestVersionIsThatOfTheBuild(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Path: "example.com/m", Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-26T00:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	text := cli.VersionText("", info)
	for _, want := range []string{"v1.2.3\n", "abc of 2026-11-26T00:00:00Z, modified\n", "example.com/m\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	if text := cli.VersionText("v2.0.0", info); !strings.HasPrefix(text, "version   v2.0.0\n") {
		t.Errorf("what the linker has set is not first: %q", text)
	}
	if text := cli.VersionText("", &debug.BuildInfo{}); strings.Count(text, "(unknown") != 2 {
		t.Errorf("of nothing: %q", text)
	}
}
