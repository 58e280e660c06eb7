package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/settings"
)

func none(string) string { return "" }

func TestArgumentsMayStandAnywhere(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		name string
		args []string
		want []string
		loud bool
	}{
		{"behind the flags", []string{"-loud", "a", "b"}, []string{"a", "b"}, true},
		{"before them", []string{"a", "b", "-loud"}, []string{"a", "b"}, true},
		{"between them", []string{"-of", "x", "a", "-loud", "b"}, []string{"a", "b"}, true},
		{"a hyphen is one", []string{"-", "-loud"}, []string{"-"}, true},
		{"all is one after two hyphens", []string{"a", "--", "-loud", "--"}, []string{"a", "-loud", "--"}, false},
		{"a switch may be told no", []string{"-loud=false", "a"}, []string{"a"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var loud bool
			var of string
			got, err := settings.LoadArgs("test", tc.args, none, []settings.Setting{
				{Flag: "loud", Switch: true, Default: "false", Set: settings.Bool(&loud)},
				{Flag: "of", Set: settings.Text(&of)},
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" || loud != tc.loud {
				t.Errorf("loud is %v, want %v; arguments %s", loud, tc.loud, d)
			}
		})
	}
}

func TestFlagMayBeRepeated(t *testing.T) {
	t.Chdir(t.TempDir())
	var got []string
	each := settings.Setting{Env: "EACH", Default: "default", Set: func(v string) error { got = append(got, v); return nil }}
	env := func(string) string { return "environment" }
	if err := settings.Load("test", []string{"-each", "a", "-each", "b"}, env, []settings.Setting{each}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b"}, got); d != "" {
		t.Error(d)
	}
}

func TestMistakeNamesWhatThereIs(t *testing.T) {
	t.Chdir(t.TempDir())
	var n int
	err := settings.Load("test", []string{"-n", "x", "-m", "y"}, none, []settings.Setting{
		{Flag: "n", Set: settings.Int(&n, 0, 9)}, settings.New("M", "1", "", settings.Int(&n, 0, 9)),
	})
	if err == nil || !strings.HasPrefix(err.Error(), "-n: ") || !strings.Contains(err.Error(), "\nM (-m): ") {
		t.Errorf("got %v", err)
	}
}

func TestPeriodTakesDays(t *testing.T) {
	var d time.Duration
	set := settings.Period(&d)
	for v, want := range map[string]time.Duration{"0": 0, "90d": 90 * 24 * time.Hour, "36h": 36 * time.Hour, "1h30m": 90 * time.Minute} {
		if err := set(v); err != nil || d != want {
			t.Errorf("%q: %v, %v, want %v", v, d, err, want)
		}
	}
	d = time.Hour
	for _, v := range []string{"", "90", "-1h", "-3d", "0d", "1.5d", "d", "1d12h", "200000d", "for ever"} {
		if err := set(v); err == nil || d != time.Hour {
			t.Errorf("%q was taken: %v", v, d)
		}
	}
}
