package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

func none(string) string { return "" }

func TestFlagMayBeRepeated(t *testing.T) {
	t.Chdir(t.TempDir())
	var got []string
	each := config.Setting{Env: "EACH", Default: "default", Set: func(v string) error { got = append(got, v); return nil }}
	env := func(string) string { return "environment" }
	if err := config.Apply([]config.Setting{each}, map[string][]string{"each": {"a", "b"}}, env); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b"}, got); d != "" {
		t.Error(d)
	}
}

func TestMistakesNameTheirSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	var n int
	err := config.Apply([]config.Setting{
		{Flag: "n", Set: config.Int(&n, 0, 9)}, config.New("M", "1", "", config.Int(&n, 0, 9)),
	}, map[string][]string{"n": {"x"}, "m": {"y"}}, none)
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
