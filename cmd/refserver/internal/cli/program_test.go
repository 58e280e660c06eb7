package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// ran is what a program of two commands has done.
type ran struct {
	command  string
	args     []string
	of       []string
	loud     bool
	out, err strings.Builder
}

// runs runs a program with args.
func runs(t *testing.T, args ...string) (*ran, error) {
	t.Helper()
	t.Chdir(t.TempDir()) // without an .env
	r := &ran{}
	command := func(name string) cli.Command {
		return cli.Command{
			Name: name, About: "do it", Args: "WORD...", Most: -1,
			Settings: []config.Setting{
				{Flag: "loud", Switch: true, Default: "false", Usage: "say it", Set: config.Bool(&r.loud)},
				{Flag: "of", Usage: "`kind` of it; may be repeated", Set: func(v string) error { r.of = append(r.of, v); return nil }},
			},
			Run: func(_ context.Context, _ *cli.Terminal, args []string) error {
				r.command, r.args = name, args
				return nil
			},
		}
	}
	first := command("serve")
	first.Most = 0
	p := cli.Program{Name: "test", About: "a test", Version: "v1.2.3", Commands: []cli.Command{first, command("upload")}}
	err := p.Run(t.Context(), &cli.Terminal{Out: &r.out, Err: &r.err, Getenv: func(string) string { return "" }}, args)
	return r, err
}

func TestArgumentsMayStandAnywhereAmongFlags(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want []string
		of   string
		loud bool
	}{
		{"after the flags", []string{"-loud", "a", "b"}, []string{"a", "b"}, "", true},
		{"before them", []string{"a", "b", "--loud"}, []string{"a", "b"}, "", true},
		{"between them", []string{"-of", "x", "a", "-loud", "b"}, []string{"a", "b"}, "x", true},
		{"a flag with an equals sign", []string{"--of=x=1", "a"}, []string{"a"}, "x=1", false},
		{"a repeated flag", []string{"-of", "x", "a", "--of", "y,z"}, []string{"a"}, "x y,z", false},
		{"a value that begins with a hyphen", []string{"-of", "-loud", "a"}, []string{"a"}, "-loud", false},
		{"a hyphen is one", []string{"-", "-loud"}, []string{"-"}, "", true},
		{"all is one after two hyphens", []string{"a", "--", "-loud", "--"}, []string{"a", "-loud", "--"}, "", false},
		{"an empty one stays", []string{"a", ""}, []string{"a", ""}, "", false},
		{"a switch may be false", []string{"-loud=false", "a"}, []string{"a"}, "", false},
		{"the name of a command is one", []string{"serve", "upload"}, []string{"serve", "upload"}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := runs(t, append([]string{"upload"}, tc.args...)...)
			if err != nil || r.command != "upload" {
				t.Fatal(r.command, err)
			}
			if d := cmp.Diff(tc.want, r.args); d != "" || r.loud != tc.loud || strings.TrimSpace(strings.Join(r.of, " ")) != tc.of {
				t.Errorf("loud is %v, want %v; of is %q, want %q; arguments %s", r.loud, tc.loud, r.of, tc.of, d)
			}
		})
	}
}

func TestTheFirstCommandRunsWithoutItsName(t *testing.T) {
	for _, args := range [][]string{nil, {"-loud"}, {"serve", "--loud"}} {
		if r, err := runs(t, args...); err != nil || r.command != "serve" || r.loud != (len(args) > 0) {
			t.Errorf("%q: runs %q, %v", args, r.command, err)
		}
	}
}

func TestWrongUsageIsSaidOnce(t *testing.T) {
	for want, args := range map[string][]string{
		`test: unknown command "uplaod"; did you mean upload? (test help lists the commands)`:      {"uplaod"},
		`test: unknown command "Serve"; did you mean serve? (test help lists the commands)`:        {"Serve"},
		`test: unknown command "frobnicate" (test help lists the commands)`:                        {"frobnicate"},
		`test: upload: unknown flag "-luod"; did you mean -loud? (test upload -h lists the flags)`: {"upload", "--luod"},
		`test: upload: unknown flag "-zebra" (test upload -h lists the flags)`:                     {"upload", "-zebra"},
		`test: unknown flag "-laud"; did you mean -loud? (test -h lists the flags)`:                {"-laud"},
		`test: upload: flag needs an argument: -of`:                                                {"upload", "-of"},
		`test: -loud stands before the command; put it after upload`:                               {"-loud", "upload"},
		`test: serve: unknown argument "x"; usage: test serve [flags] WORD...`:                     {"serve", "x"},
		`test: unknown command "\x1b[31m" (test help lists the commands)`:                          {"\x1b[31m"},
	} {
		r, err := runs(t, args...)
		if err == nil || err.Error() != want || cli.ExitStatus(err) != 2 {
			t.Errorf("%q: %v, exit status %d, want %s", args, err, cli.ExitStatus(err), want)
		}
		if r.out.Len() > 0 || r.err.Len() > 0 || r.command != "" {
			t.Errorf("%q: runs %q and prints %q and %q", args, r.command, r.out.String(), r.err.String())
		}
	}
	for _, args := range [][]string{{"help", "frobnicate"}, {"upload", "-loud=perhaps"}, {"completion", "tcsh"}, {"completion"}, {strings.Repeat("x", 1<<20)}} {
		if r, err := runs(t, args...); cli.ExitStatus(err) != 2 || r.out.Len() > 0 {
			t.Errorf("%.40q: %v, exit status %d", args, err, cli.ExitStatus(err))
		}
	}
}

func TestHelpAndVersionAreOnStandardOutput(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"help", "   upload"},
		{"-h", "   upload"},
		{"-help", "   upload"},
		{"--help", "--loud "},
		{"help upload", "--of kind"},
		{"upload -h", "--of kind"},
		{"upload --help", "test upload [flags] WORD..."},
		{"upload -of x -h", "--of kind"},
		{"upload word -h", "--of kind"},
		{"upload word --help another", "--of kind"},
		{"-version", "test version v1.2.3\n"},
		{"--version", "test version v1.2.3\n"},
	} {
		r, err := runs(t, strings.Fields(tc.args)...)
		if err != nil || !strings.Contains(r.out.String(), tc.want) || r.err.Len() > 0 || r.command != "" {
			t.Errorf("%s: %v, prints\n%s\nand %q", tc.args, err, r.out.String(), r.err.String())
		}
	}
}
