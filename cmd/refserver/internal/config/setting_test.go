package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

func none(string) string { return "" }

func TestArgumentsMayStandAnywhereAmongFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		name string
		args []string
		want []string
		loud bool
	}{
		{"after the flags", []string{"-loud", "a", "b"}, []string{"a", "b"}, true},
		{"before them", []string{"a", "b", "-loud"}, []string{"a", "b"}, true},
		{"between them", []string{"-of", "x", "a", "-loud", "b"}, []string{"a", "b"}, true},
		{"a hyphen is one", []string{"-", "-loud"}, []string{"-"}, true},
		{"all is one after two hyphens", []string{"a", "--", "-loud", "--"}, []string{"a", "-loud", "--"}, false},
		{"a switch may be false", []string{"-loud=false", "a"}, []string{"a"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var loud bool
			var of string
			got, err := config.ParseArgs("test", tc.args, none, []config.Setting{
				{Flag: "loud", Switch: true, Default: "false", Set: config.Bool(&loud)},
				{Flag: "of", Set: config.Text(&of)},
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
	each := config.Setting{Env: "EACH", Default: "default", Set: func(v string) error { got = append(got, v); return nil }}
	env := func(string) string { return "environment" }
	if err := config.Parse("test", []string{"-each", "a", "-each", "b"}, env, []config.Setting{each}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b"}, got); d != "" {
		t.Error(d)
	}
}

func TestMistakesNameTheirSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	var n int
	err := config.Parse("test", []string{"-n", "x", "-m", "y"}, none, []config.Setting{
		{Flag: "n", Set: config.Int(&n, 0, 9)}, config.New("M", "1", "", config.Int(&n, 0, 9)),
	})
	if err == nil || !strings.HasPrefix(err.Error(), "-n: ") || !strings.Contains(err.Error(), "\nM (-m): ") {
		t.Errorf("got %v", err)
	}
}

func TestPeriodAcceptsDays(t *testing.T) {
	var d time.Duration
	set := config.Period(&d)
	for v, want := range map[string]time.Duration{"0": 0, "90d": 90 * 24 * time.Hour, "36h": 36 * time.Hour, "1h30m": 90 * time.Minute} {
		if err := set(v); err != nil || d != want {
			t.Errorf("%q: %v, %v, want %v", v, d, err, want)
		}
	}
	d = time.Hour
	for _, v := range []string{"", "90", "-1h", "-3d", "0d", "1.5d", "d", "1d12h", "200000d", "forever"} {
		if err := set(v); err == nil || d != time.Hour {
			t.Errorf("%q was taken: %v", v, d)
		}
	}
}
