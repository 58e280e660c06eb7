package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
)

// closedPort returns an address of this machine at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// process runs the program in a process of its own, and returns what it prints and
// its exit status.
func process(t *testing.T, dir string, env []string, args ...string) (out, errs string, status int) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(append(os.Environ(), "REFSERVER_CHILD=1"), env...)
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func TestExitStatusesAreThoseOfTheManual(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.csv", []byte(header+"C1,T1,a,2025-11-08\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuses.Close()
	nowhere, url := "http://"+closedPort(t), refuses.URL
	for _, tc := range []struct {
		args   []string
		status int
		stderr string // "" means that nothing is printed there
	}{
		{[]string{"help"}, 0, ""},
		{[]string{"--version"}, 0, ""},
		{[]string{"version"}, 0, ""},
		{[]string{"backup", "-h"}, 0, ""},
		{[]string{"man"}, 0, ""},
		{[]string{"metrics", "-url", url}, 1, "refserver: metrics: the server answered 403 Forbidden"},
		{[]string{"upload", "-url", url, "a.csv"}, 1, "refserver: upload: 1 of 1 file failed"},
		{[]string{"backup", "-data-dir", "none", "copy"}, 1, "refserver: backup: "},
		{[]string{"-nonsense"}, 2, `refserver: unknown flag "-nonsense"`},
		{[]string{"-port", "x"}, 2, "refserver: serve: PORT (-port): "},
		{[]string{"doctor", "-port", "x"}, 2, "refserver: doctor: 1 mistake"},
		{[]string{"upload", "-url", nowhere, "-mode", "lax", "a.csv"}, 2, `refserver: upload: -mode: "lax": want one of [partial strict]`},
		{[]string{"upload", "-url", nowhere}, 2, "refserver: upload: missing argument; usage: refserver upload [flags] FILE..."},
		{[]string{"backup"}, 2, "refserver: backup: missing argument"},
		{[]string{"backup", "-mongo-uri", "mongodb://x/y", "copy"}, 2, "refserver: backup: the store is in MongoDB"},
		{[]string{"metrics", "-port", "0"}, 2, "refserver: PORT (-port): 0 means"},
		{[]string{"metrics", "-url", nowhere}, 3, "refserver: metrics: no server at " + strings.TrimPrefix(nowhere, "http://") + " (connection refused)"},
		{[]string{"upload", "-url", nowhere, "a.csv", "b.csv"}, 3, "refserver: upload: a.csv: no server at "},
		{[]string{"delete", "-url", nowhere, "1", "2"}, 3, "refserver: delete: no server at "},
		{[]string{"dead", "-url", nowhere}, 3, "refserver: dead: no server at "},
	} {
		out, errs, status := process(t, dir, []string{"ADMIN_TOKEN=x"}, tc.args...)
		if status != tc.status || !strings.HasPrefix(errs, tc.stderr) || (tc.stderr == "") != (errs == "") || strings.Count(errs, "\n") > 1 {
			t.Errorf("%q: exit status %d, want %d; printed %q", tc.args, status, tc.status, errs)
		}
		if (status == 0) != (out != "") && tc.status != 1 && tc.args[0] != "doctor" {
			t.Errorf("%q: exit status %d, and on standard output %q", tc.args, status, out)
		}
	}
}

func TestAMistakeInAFlagIsSaidBeforeAnythingIsSent(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	p := &user{t: t, url: server.URL}
	path := write(t, "a.csv", header)
	t.Chdir(t.TempDir())
	for command, flags := range map[string][][]string{
		"upload": {
			{"-dedupe", "id"},
			{"-zone", "Mars"},
			{"-encoding", "klingon"},
			{"-layout", "ymd"},
			{"-mode", "lax"},
			{"-max-errors", "-1"},
			{"-max-error-ratio", "2"},
			{"-retries", "many"},
			{"-replace=perhaps"},
			{"-url", "nowhere"},
		},
		"metrics": {
			{"-from", "soon"},
			{"-to", "2025-13-01"},
			{"-interval", "year"},
			{"-tz", "Mars"},
			{"-compare", "last"},
			{"-as-of", "2025-11-08"},
			{"-where", "x"},
			{"-top", "0"},
			{"-format", "xml"},
		},
		"batches": {{"-status", "lost"}, {"-limit", "0"}},
		"process": {{"-nope"}},
	} {
		for _, flag := range flags {
			args := append([]string{command}, flag...)
			if command == "upload" || command == "process" {
				args = append(args, path)
			}
			if err := p.run(args...); cli.ExitStatus(err) != 2 || requests.Load() > 0 {
				t.Errorf("%q: %v, exit status %d after %d requests", args, err, cli.ExitStatus(err), requests.Load())
			}
		}
	}
}

func TestEveryCommandFindsTheServerOfItsSettings(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, "ADMIN_TOKEN=")
	port := s.url[strings.LastIndex(s.url, ":")+1:]
	home := t.TempDir()
	if err := os.WriteFile(home+"/.env", []byte("PORT="+port+"\nDATA_DIR="+dir+"\nOPS_ADDR=off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(home+"/a.csv", []byte(header+"C1,T1,a,2025-11-08\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"upload", "a.csv"}, {"metrics"}, {"batches"}, {"dead"}, {"doctor"}} {
		if out, errs, status := process(t, home, []string{"ADMIN_TOKEN=", "PORT="}, args...); status != 0 {
			t.Errorf("%q: exit status %d, %s%s", args, status, out, errs)
		}
	}
}

func TestACommandHasTheSettingsThatItUses(t *testing.T) {
	server := "admin-token data-dir host port url"
	want := map[string]string{
		"upload":  server + " allow-duplicate dedupe dry-run encoding layout max-error-ratio max-errors mode no-process repairs replace retries schema zone",
		"batches": server + " limit repairs status", "process": server, "errors": server, "delete": server, "dead": server,
		"metrics": server + " as-of compare event-type finality format from group-by interval other to top tz where",
		"backup":  "data-dir mongo-uri", "restore": "data-dir mongo-uri", "compact": "data-dir mongo-uri", "version": "",
		"events":        "data-dir mongo-retry-seconds mongo-uri",
		"token":         "expires host name port role tokens-file url",
		"import-legacy": "data-dir dimensions from log-json log-level mongo-events mongo-retry-seconds mongo-uri process redis-url",
	}
	t.Chdir(t.TempDir())
	p := &user{t: t}
	for _, c := range program(&cli.Terminal{}).Commands {
		if c.Name == "serve" || c.Name == "doctor" { // those of the whole configuration
			continue
		}
		if err := p.run(c.Name, "-h"); err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, flag := range regexp.MustCompile(`(?m)^   --([a-z-]+)`).FindAllStringSubmatch(p.out.Take(), -1) {
			if flag[1] != "help" {
				found = append(found, flag[1])
			}
		}
		slices.Sort(found)
		list := append([]string(nil), strings.Fields(want[c.Name])...)
		slices.Sort(list)
		if d := cmp.Diff(list, found); d != "" {
			t.Errorf("%s -h lists other flags: %s", c.Name, d)
		}
	}
}

func TestUploadWaitsForABusyServerOnly(t *testing.T) {
	var tries atomic.Int64
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	p := &user{t: t, url: busy.URL}
	path := write(t, "a.csv", header+"C1,T1,a,2025-11-08\n")
	t.Chdir(t.TempDir())
	if err := p.run("upload", "-retries", "1", path); cli.ExitStatus(err) != 1 || tries.Load() != 2 {
		t.Errorf("a busy server: %v after %d attempts", err, tries.Load())
	}
	busy.Close()
	p.err.Take()
	if err := p.run("upload", path); cli.ExitStatus(err) != 3 || strings.Contains(p.err.String(), "retrying") {
		t.Errorf("no server: %v, printed %q", err, p.err.String())
	}
}
