package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func idleTable() *table {
	return &table{
		name: "idle", title: "An idle server",
		about: "The reference server with its embedded defaults, from the tenth second after its start to the fortieth, without requests.",
		columns: []column{
			{title: "% of a core", value: "core"},
			{title: "memory, MiB", value: "memory"},
			{title: "growth of its files, bytes", value: "growth"},
			{title: "answers after, ms", value: "start"},
		},
		fixture: buildServer,
		rows:    []row{{name: "refserver", run: idle, runs: 3}},
	}
}

func buildServer(ctx context.Context, _ *config, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+"/refserver", "github.com/eventmetrics/eventmetrics/cmd/refserver")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func idle(ctx context.Context, m *meter) error {
	cmd := exec.CommandContext(ctx, m.fixture("refserver"))
	cmd.Env = append(os.Environ(), "DATA_DIR="+m.path("data"), "PORT=0", "OPS_ADDR=off")
	log, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if err := awaitText(log, "msg=listening "); err != nil {
		return err
	}
	m.result["start"] = milliseconds(time.Since(start))
	time.Sleep(10 * time.Second)
	cpu, err := cpuOf(cmd.Process.Pid)
	if err != nil {
		return err
	}
	size, err := dirSize(m.path("data"))
	if err != nil {
		return err
	}
	const watched = 30 * time.Second
	time.Sleep(watched)
	now, err := cpuOf(cmd.Process.Pid)
	if err != nil {
		return err
	}
	grown, err := dirSize(m.path("data"))
	if err != nil {
		return err
	}
	kilobytes, _ := strconv.ParseFloat(strings.TrimSuffix(procField(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid), "VmRSS"), " kB"), 64)
	m.result["core"] = (now - cpu).Seconds() / watched.Seconds() * 100
	m.result["memory"], m.result["growth"] = kilobytes/1024, grown-size
	return nil
}

// awaitText reads until a line has a text, and lets go of the rest.
func awaitText(r io.Reader, text string) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			go io.Copy(io.Discard, r) //nolint:errcheck // until the process ends
			return nil
		}
	}
	return fmt.Errorf("no line has %q: %w", text, lines.Err())
}

// dirSize returns the bytes of the files in dir.
func dirSize(dir string) (float64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var all int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		all += info.Size()
	}
	return float64(all), nil
}
