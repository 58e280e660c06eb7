package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func TestABatchIsListedProcessedCorrectedAndDeleted(t *testing.T) {
	s := newTranscript(t, nil)
	p := &user{t: t, url: s.url}
	if err := p.run("batches"); err != nil || p.err.Take() != "no batches found\n" {
		t.Errorf("without a batch: %v", err)
	}
	if err := p.run("upload", "-no-process", write(t, "a.csv", header+"C1,T1,a,2025-11-08\n,T1,a,2025-11-08\n")); err != nil {
		t.Fatal(err)
	}
	printed := p.out.Take()
	found := regexp.MustCompile(`NOT COUNTED yet: refserver process ([0-9a-f-]{36})\n  it is removed after 20\d\d-`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("upload printed %s", printed)
	}
	id := found[1]
	p.err.Take()
	expect := func(wantOut, wantErr string, args ...string) {
		t.Helper()
		if err := p.run(args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		if out, warned := p.seen(), p.err.Take(); !regexp.MustCompile(wantOut).MatchString(out) || !strings.Contains(warned, wantErr) {
			t.Errorf("%v printed %s and %s, want %s and %s", args, out, warned, wantOut, wantErr)
		}
	}
	const line = `(?m)^BATCH +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  `
	expect(line+`uploaded +1 +1  a\.csv$`, "1 batch not counted yet; refserver process ID counts one\n", "batches")
	for range 2 { // safe to repeat
		expect("^BATCH: completed\n$", "", "process", id)
	}
	expect(line+`completed +1 +1  a\.csv$`, "", "batches", "-status", "completed")
	expect(`(?m)^,T1,a,2025-11-08,`, "upload -repairs "+id, "errors", id)
	expect("^BATCH: deleted\n$", "", "delete", id)
	for _, args := range [][]string{{"process", id}, {"errors", id}, {"delete", id}, {"process"}, {"errors"}, {"errors", id, id}, {"delete"}, {"batches", id}, {"batches", "-status", "lost"}, {"delete", "."}, {"errors", ""}, {"process", ".."}} {
		if err := p.run(args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestDeadLettersAreListedRetriedAndDiscarded(t *testing.T) {
	s := newTranscript(t, nil)
	p := &user{t: t, url: s.url}
	if err := p.run("dead"); err != nil || p.err.Take() != "no dead letters\n" {
		t.Errorf("without a dead letter: %v", err)
	}
	if err := s.app.backends.Queue.Enqueue(t.Context(), queue.Job{Kind: "novelty", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	deaths := 0
	dies := func() {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if err := p.run("dead", "list"); err != nil {
				t.Fatal(err)
			}
			if found := regexp.MustCompile(`(?m)^novelty:1 +(\d+)  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  \S`).FindAllStringSubmatch(p.out.Take(), -1); len(found) > 0 {
				deaths++
				if len(found) != deaths || found[0][1] != "1" { // it dies at its first attempt
					t.Errorf("after %d deaths the attempts are %q, want each once", deaths, found)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("no dead letter is listed")
			}
		}
	}
	dies()
	for _, args := range [][]string{{"dead", "retry", "novelty:1"}, {"dead", "retry"}} {
		if err := p.run(args...); err != nil || !strings.Contains(p.out.Take(), "queued again\n") {
			t.Errorf("%v: %v", args, err)
		}
		dies()
	}
	if err := p.run("dead", "discard", "novelty:1"); err != nil || p.out.Take() != "novelty:1: discarded\n" {
		t.Errorf("discard: %v", err)
	}
	p.err.Take()
	if err := p.run("dead"); err != nil || p.err.Take() != "no dead letters\n" {
		t.Errorf("after discard: %v", err)
	}
	for _, args := range [][]string{{"dead", "discard"}, {"dead", "discard", "novelty:1"}, {"dead", "retry", "novelty:2"}, {"dead", "bury"}, {"dead", "list", "1"}, {"dead", "retry", ""}, {"dead", "retry", "."}, {"dead", "discard", ".."}} {
		if err := p.run(args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
