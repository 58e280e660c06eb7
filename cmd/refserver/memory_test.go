package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
)

// wideFile returns a file whose rows nearly all have a combination of three
// dimensions, day and event type of their own.
func wideFile(seed uint64, rows int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	b.WriteString("candidate_id,test_id,event_type,timestamp,country,device,system\n")
	first := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	for range rows {
		at := first.Add(time.Duration(rng.Int64N(4*86400)) * time.Second)
		fmt.Fprintf(&b, "C%07d,T%d,type_%d,%s,country-%02d,device-%02d,system-%02d\n",
			rng.IntN(1e7), seed, rng.IntN(5), at.Format(time.RFC3339), rng.IntN(50), rng.IntN(20), rng.IntN(30))
	}
	return b.Bytes()
}

// peak returns the greatest resident memory of the server since the last call,
// in MiB.
func (s *server) peak() int {
	s.t.Helper()
	path := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	text, err := os.ReadFile(path + "status")
	if err != nil {
		s.t.Skip("this system does not say how much memory a process takes")
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path+"clear_refs", []byte("5"), 0); err != nil {
		s.t.Skip(err)
	}
	return n >> 10
}

// patiently sends a request until it is not answered with 503.
func (s *server) patiently(method, path string, content []byte) (status int, body string) {
	for {
		status, body, err := s.do(method, path, bytes.NewReader(content))
		if err != nil {
			s.t.Error(err)
			return 0, ""
		}
		if status != http.StatusServiceUnavailable {
			return status, body
		}
		select {
		case <-s.t.Context().Done():
			return status, body
		case <-time.After(time.Second):
		}
	}
}

func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// isRace reports whether the race detector is on, which takes a multiple of the
// memory.
func isRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// The figures of README.md are measured here.
func TestMemoryIsWhatTheReadmeSays(t *testing.T) {
	if testing.Short() || isRace() {
		t.Skip("it takes long, and the race detector takes memory")
	}
	s := startServer(t, t.TempDir(), "DIMENSIONS=country,device,system", "WORKERS=4", "MAX_UPLOADS=8")
	got := []int{s.peak()}

	var plain bytes.Buffer
	if _, err := eventgen.Write(&plain, &eventgen.Options{Rows: 300_000, Days: 30}); err != nil {
		t.Fatal(err)
	}
	if status, body := s.patiently(http.MethodPost, "/uploads", plain.Bytes()); status != http.StatusCreated {
		t.Fatalf("upload: %d %s", status, body)
	}
	got = append(got, s.peak())

	files := make([][]byte, 8)
	for i := range files {
		files[i] = wideFile(uint64(i), 20_000)
	}
	_ = s.peak() // without the files
	atOnce(len(files), func(i int) {
		if status, body := s.patiently(http.MethodPost, "/uploads?process=true", files[i]); status != http.StatusCreated {
			t.Errorf("upload: %d %s", status, body)
		}
	})
	s.waitForEvents(8 * 20_000)
	got = append(got, s.peak())

	for _, query := range []string{
		"group_by=country,device,system&group=none", "group_by=country,device,system&interval=all",
	} {
		answers := make([]string, 16)
		atOnce(len(answers), func(i int) {
			var status int
			if status, answers[i] = s.patiently(http.MethodGet, "/metrics?"+query, nil); status != http.StatusOK {
				t.Errorf("%s: %d %.200s", query, status, answers[i])
			}
		})
		for i := range answers {
			if answers[i] != answers[0] {
				t.Errorf("%s: answers differ", query)
			}
		}
	}
	got = append(got, s.peak())
	checkReadmeMemory(t, got)
}

// waitForEvents waits until so many events count.
func (s *server) waitForEvents(n int) {
	s.t.Helper()
	want := fmt.Sprintf(`"count":%d}`, n)
	for {
		_, body := s.patiently(http.MethodGet, "/metrics?group=none&interval=all", nil)
		if strings.Contains(body, want) {
			return
		}
		select {
		case <-s.t.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// checkReadmeMemory compares measured MiB with the README. Garbage makes them
// differ from run to run.
func checkReadmeMemory(t *testing.T, got []int) {
	t.Helper()
	t.Logf("measured, in MiB: %v", got)
	row := regexp.MustCompile(`\| peak memory of the server[^|]*\|([^|]*) MiB \|`).FindStringSubmatch(readDoc(t, "../README.md"))
	if row == nil {
		t.Fatal("README.md does not say how much memory the server takes")
	}
	said := strings.Split(strings.TrimSpace(row[1]), ", ")
	if len(said) != len(got) {
		t.Fatalf("README.md has %d figures, %d were measured", len(said), len(got))
	}
	for i, text := range said {
		n, err := strconv.Atoi(text)
		if err != nil || got[i] > n*5/4 || got[i] < n/3 {
			t.Errorf("README.md says %s MiB, measured %d MiB", text, got[i])
		}
	}
	const budgets = 256 + 256 + restMemory>>20
	if most := got[len(got)-1]; most > budgets*5/4 {
		t.Errorf("the server took %d MiB, its budgets and the rest are %d MiB", most, budgets)
	}
}
