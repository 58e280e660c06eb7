package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
)

// installed returns a directory with the program under its own name, and a PATH that
// finds it.
func installed(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "refserver")); err != nil {
		t.Fatal(err)
	}
	return dir, append(os.Environ(), "REFSERVER_CHILD=1", "PATH="+dir+":"+os.Getenv("PATH"))
}

// shell runs a script in a shell, or skips the test if there is none.
func shell(t *testing.T, env []string, dir, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Dir = env, dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestCompletionInBash(t *testing.T) {
	dir, env := installed(t)
	const script = `
source <(refserver completion bash)
complete -p refserver
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _refserver; echo "${COMPREPLY[*]}"; }
try refserver u
try refserver upload --mo
try refserver upload -mo
try refserver upload -mode ''
try refserver upload --mode = s
try refserver metrics -interval d
try refserver dead ''
try refserver completion z
try refserver upload ''
try refserver upload '$(touch run)' -no
`
	want := `complete -o bashdefault -o default -F _refserver refserver
upload
--mode
-mode
partial strict
strict
day
list retry discard
zsh

-no-process
`
	got := shell(t, env, dir, "bash", "--noprofile", "--norc", "-c", script)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err == nil {
		t.Error("a command in the line was run")
	}
}

func TestCompletionInZshAndFish(t *testing.T) {
	dir, env := installed(t)
	t.Run("zsh", func(t *testing.T) {
		const script = `
autoload -Uz compinit && compinit -u -D
source <(refserver completion zsh)
_describe() { print -r -- "${(P)2[*]}" }
_files() { print files }
try() { words=("$@"); CURRENT=$#; _refserver }
print ${_comps[refserver]}
try refserver upl
try refserver upload --mode s
try refserver upload ''
`
		want := "_refserver\nupload:upload files to a running server\nstrict:\nfiles\n"
		if got := shell(t, env, dir, "zsh", "-f", "-c", script); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
	t.Run("fish", func(t *testing.T) {
		const script = `
refserver completion fish | source
complete -C 'refserver upl'
complete -C 'refserver upload --mode s'
`
		want := "upload\tupload files to a running server\nstrict\n"
		if got := shell(t, env, dir, "fish", "--no-config", "-c", script); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestTheManualHasEverything(t *testing.T) {
	p := &user{t: t}
	t.Chdir(t.TempDir())
	if err := p.run("man"); err != nil {
		t.Fatal(err)
	}
	page := p.out.Take()
	plain := strings.NewReplacer(`\-`, "-", `\e`, `\`).Replace(page)
	for _, c := range program(&cli.Terminal{}).Commands {
		if !strings.Contains(plain, "\n.SS \"refserver "+c.Name) {
			t.Errorf("the manual has no command %s", c.Name)
		}
		for _, s := range c.Settings {
			if !strings.Contains(plain, `\fB-`+s.Name()+`\fR`) || s.Env != "" && !strings.Contains(plain, "The variable is "+s.Env) {
				t.Errorf("the manual has no setting %s of %s", &s, c.Name)
			}
		}
	}
	for _, status := range "0123" {
		if !strings.Contains(page, "\n.B "+string(status)+"\n") {
			t.Errorf("the manual has no exit status %c", status)
		}
	}
	file := write(t, "refserver.1", page)
	t.Run("as groff shows it", func(t *testing.T) {
		if warnings := shell(t, os.Environ(), t.TempDir(), "groff", "-man", "-ww", "-z", file); warnings != "" {
			t.Error(warnings)
		}
	})
}
