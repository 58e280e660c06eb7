package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestRowsCountOnceOnEveryBackend splits rows into files that keep equal ones
// together, and has concurrent clients send all of them several times.
func TestRowsCountOnceOnEveryBackend(t *testing.T) {
	for name, pairs := range backendPairs(t) {
		t.Run(name, func(t *testing.T) {
			s := &resender{transcript: newTranscript(t, append(pairs, "UPLOAD_LIMIT", "0"))}
			seed := rand.Uint64()
			t.Logf("the seed is %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			want := map[string]int{}
			for range 8 {
				s.files = append(s.files, header)
			}
			for range 400 {
				n := rng.IntN(150)
				day, kind := fmt.Sprintf("2025-12-%02d", 1+n%5), fmt.Sprintf("type_%d", n%7)
				s.files[n%8] += fmt.Sprintf("C%d,T1,%s,%sT09:00:00Z\n", n, kind, day)
				want[day+","+kind]++
			}
			s.sendAll(rng)
			s.check(want)
			for _, id := range s.batches[:3] {
				if status, body := s.ask("DELETE", "/batches/"+id, ""); status != http.StatusNoContent {
					t.Fatalf("%d %s", status, body)
				}
			}
			s.sendAll(rng)
			s.check(want)
		})
	}
}

// resender sends files several times.
type resender struct {
	*transcript
	files []string

	mu      sync.Mutex
	batches []string
}

// sendAll has three clients send each file twice.
func (s *resender) sendAll(rng *rand.Rand) {
	s.t.Helper()
	order := slices.Concat(rng.Perm(len(s.files)), rng.Perm(len(s.files)))
	var clients sync.WaitGroup
	for c := range 3 {
		clients.Go(func() {
			for i := c; i < len(order); i += 3 {
				// Other content each time, so that the rows are compared.
				s.send(order[i], s.files[order[i]]+strings.Repeat("\n", i))
			}
		})
	}
	clients.Wait()
}

// send sends a file, and again while its rows are in flight.
func (s *resender) send(n int, content string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		status, body := s.ask("POST", "/uploads?process=true&dedupe=occurrence", content)
		var answer struct {
			BatchID    string `json:"batch_id"`
			Status     any    // a string, or the number in a problem
			Code       string
			Inserted   int `json:"inserted_count"`
			Duplicates int `json:"duplicate_count"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			s.t.Error(err)
			return
		}
		if answer.Code == "in_flight" {
			continue
		}
		if rows := strings.Count(s.files[n], "\n") - 1; answer.Inserted+answer.Duplicates != rows || status/100 != 2 || answer.Status != "completed" {
			s.t.Errorf("file %d of %d rows: %d %s", n, rows, status, body)
		}
		s.mu.Lock()
		s.batches = append(s.batches, answer.BatchID)
		s.mu.Unlock()
		return
	}
	s.t.Errorf("file %d stays in flight", n)
}

func (s *resender) check(want map[string]int) {
	s.t.Helper()
	_, body := s.ask("GET", "/metrics?format=csv", "")
	lines := []string{}
	for cell, n := range want {
		lines = append(lines, fmt.Sprintf("%s,%d", cell, n))
	}
	slices.Sort(lines)
	got := strings.Split(strings.TrimSpace(body), "\n")[1:]
	slices.Sort(got)
	if d := gocmp.Diff(lines, got); d != "" {
		s.t.Fatalf("metrics differ from the recount (-want +got):\n%s", d)
	}
}

func (s *transcript) ask(method, path, body string) (status int, text string) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	req.Header.Set("Authorization", "Bearer secret")
	req.Header.Set("Content-Type", "text/csv")
	req.Header.Set("Prefer", "wait=30")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return res.StatusCode, string(answer)
}
