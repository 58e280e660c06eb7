package crashtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// scenario is something that a process does when it is killed.
type scenario struct {
	name string
	rows int64 // of a sample
	// prepare makes the files that the process starts with; it returns ids of
	// batches for the other functions.
	prepare func(t *testing.T, s *stack) []string
	// act is what the process does.
	act func(ctx context.Context, s *stack, ids []string) error
	// check looks at what is left, with the process started again. Done says
	// whether act had returned when the process was killed.
	check func(t *testing.T, s *stack, ids []string, done bool)
}

func scenarios() []scenario {
	return []scenario{
		{"upload", blocksRows, func(*testing.T, *stack) []string { return nil }, actUpload, checkUpload},
		{"dedupe", blocksRows, prepareUploaded, actDedupe, checkDedupe},
		{"process", fewRows, prepareUploaded, actProcess, checkProcess},
		{"delete", blocksRows, prepareTwo, actDelete, checkDelete},
		{"prune", blocksRows, preparePrune, actPrune, checkPrune},
		{"reprocess", fewRows, prepareDrift, actReprocess, checkReprocess},
		{"retry", fewRows, prepareDead, actRetry, checkProcess},
		{"discard", fewRows, prepareBuried, actDiscard, checkDiscard},
		{"retain", blocksRows, prepareOld, actRetain, checkRetain},
		{"erase", blocksRows, prepareSubject, actErase, checkErase},
	}
}

func actUpload(ctx context.Context, s *stack, _ []string) error {
	_, err := s.upload(ctx, s.sample(1), "key")
	return err
}

func checkUpload(t *testing.T, s *stack, _ []string, done bool) {
	before := s.list(t)
	if done && len(before) != 1 || len(before) > 1 {
		t.Errorf("there are %d batches after an upload that was answered: %v", len(before), done)
	}
	s.check(t, counts{})
	id := s.mustUpload(t, s.sample(1), "key") // as a client does who got no answer
	if len(before) == 1 && before[0].ID != id {
		t.Error("the batch is there and its key made another one")
	}
	s.checkEvents(t, id, s.sample(1))
	if err := s.processNow(t.Context(), id); err != nil {
		t.Error(err)
	}
	s.check(t, sum(s.sample(1)))
}

// dedupe uploads a file without a key, and without the rows that are there.
func (s *stack) dedupe(ctx context.Context, f *file) (eventmetrics.Receipt, error) {
	return s.Upload(ctx, eventmetrics.File{Body: bytes.NewReader(f.content), Dedupe: eventmetrics.DedupeOccurrence})
}

func actDedupe(ctx context.Context, s *stack, _ []string) error {
	_, err := s.dedupe(ctx, s.sample(2))
	return err
}

func checkDedupe(t *testing.T, s *stack, ids []string, done bool) {
	before := s.list(t)
	if done && len(before) != 2 || len(before) > 2 {
		t.Errorf("there are %d batches after an upload that was answered: %v", len(before), done)
	}
	for _, b := range before {
		if err := s.processNow(t.Context(), b.ID); err != nil { // and so cleanup leaves it
			t.Error(err)
		}
	}
	receipt, err := s.dedupe(t.Context(), s.sample(2)) // as a client does who got no answer
	if errors.Is(err, eventmetrics.ErrInFlight) && len(before) == 1 {
		if _, err := s.Cleanup(t.Context(), false); err != nil {
			t.Error(err)
		}
		receipt, err = s.dedupe(t.Context(), s.sample(2))
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(before) == 2 && receipt.DuplicateOf != before[0].ID || len(before) == 1 && receipt.Batch.DuplicateRows != 0 {
		t.Errorf("of %d batches the file sent again is a duplicate of %q, with %d duplicates", len(before), receipt.DuplicateOf, receipt.Batch.DuplicateRows)
	}
	s.checkEvents(t, receipt.Batch.ID, s.sample(2))
	more := file{content: append(bytes.Clone(s.sample(2).content), "\n"...)} // other content, the same rows
	again, err := s.dedupe(t.Context(), &more)
	if err != nil || again.Batch.AcceptedRows != 0 || again.Batch.DuplicateRows != s.sample(2).events {
		t.Errorf("the same rows again: %+v, %v", again.Batch, err)
	}
	for _, id := range []string{receipt.Batch.ID, again.Batch.ID} {
		if err := s.processNow(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	s.check(t, sum(s.sample(1), s.sample(2)))
	s.checkEvents(t, ids[0], s.sample(1))
}

func prepareUploaded(t *testing.T, s *stack) []string {
	return []string{s.mustUpload(t, s.sample(1), "")}
}

func actProcess(ctx context.Context, s *stack, ids []string) error {
	return s.processNow(ctx, ids[0])
}

func checkProcess(t *testing.T, s *stack, ids []string, _ bool) {
	if got := s.measure(t); len(got) > 0 { // all of it or nothing, at any time
		s.check(t, sum(s.sample(1)))
	}
	s.waitIdle(t)
	b, err := s.Batch(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if b.Status == store.Uploaded || b.Status == store.Failed { // killed before the job was there
		if err := s.processNow(t.Context(), ids[0]); err != nil {
			t.Error(err)
		}
	}
	s.check(t, sum(s.sample(1)))
	s.checkEvents(t, ids[0], s.sample(1))
}

func prepareTwo(t *testing.T, s *stack) []string {
	ids := []string{s.mustUpload(t, s.sample(1), ""), s.mustUpload(t, s.sample(2), "")}
	for _, id := range ids {
		if err := s.processNow(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func actDelete(ctx context.Context, s *stack, ids []string) error {
	return s.DeleteBatch(ctx, ids[0])
}

func checkDelete(t *testing.T, s *stack, ids []string, done bool) {
	_, err := s.Batch(t.Context(), ids[0])
	if gone := errors.Is(err, store.ErrNotFound); gone {
		s.check(t, sum(s.sample(2)))
	} else {
		s.check(t, sum(s.sample(1), s.sample(2)))
		if done {
			t.Errorf("the batch is there after its deletion: %v", err)
		}
		if err := s.DeleteBatch(t.Context(), ids[0]); err != nil {
			t.Error(err)
		}
	}
	s.check(t, sum(s.sample(2)))
	s.checkEvents(t, ids[1], s.sample(2))
}

// preparePrune leaves two batches that count, one that is queued, and one that
// was only uploaded.
func preparePrune(t *testing.T, s *stack) []string {
	ids := prepareTwo(t, s)
	if err := s.Process(t.Context(), s.mustUpload(t, s.sample(3), "")); err != nil {
		t.Fatal(err)
	}
	return append(ids, s.mustUpload(t, s.sample(4), ""))
}

func actPrune(ctx context.Context, s *stack, _ []string) error {
	_, err := s.Cleanup(ctx, false)
	return err
}

func checkPrune(t *testing.T, s *stack, ids []string, done bool) {
	s.check(t, sum(s.sample(1), s.sample(2)))
	if _, err := s.Batch(t.Context(), ids[2]); err == nil {
		if done {
			t.Error("the batch is there after the cleanup")
		}
		s.checkEvents(t, ids[2], s.sample(4)) // whole as long as it can be seen
	}
	s.waitIdle(t)
	s.check(t, sum(s.sample(1), s.sample(2), s.sample(3)))
}

// prepareDrift leaves two batches and a ledger that is wrong about one.
func prepareDrift(t *testing.T, s *stack) []string {
	ids := prepareTwo(t, s)
	other, err := s.store.Contribution(t.Context(), ids[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.Amend(t.Context(), ids[0], metrics.Merge(other, other)); err != nil {
		t.Fatal(err)
	}
	return ids
}

func actReprocess(ctx context.Context, s *stack, _ []string) error {
	_, err := s.Reprocess(ctx)
	return err
}

func checkReprocess(t *testing.T, s *stack, _ []string, done bool) {
	right, wrong := sum(s.sample(1), s.sample(2)), sum(s.sample(2), s.sample(2), s.sample(2))
	if got := s.measure(t); done || !cmp.Equal(got, wrong) {
		s.check(t, right)
	}
	if _, err := s.Reprocess(t.Context()); err != nil {
		t.Error(err)
	}
	s.check(t, right)
}

// prepareDead leaves a failed batch and its dead job.
func prepareDead(t *testing.T, s *stack) []string {
	ids := prepareBuried(t, s)
	if err := s.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Batch(t.Context(), ids[0]); err != nil || b.Status != store.Failed {
		t.Fatalf("batch is %s, %v; want failed", b.Status, err)
	}
	return ids
}

// prepareBuried leaves a dead job whose batch is still queued.
func prepareBuried(t *testing.T, s *stack) []string {
	id := s.mustUpload(t, s.sample(1), "")
	if err := s.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	broken := func(context.Context, queue.Job) error {
		defer stop()
		return queue.Permanent(errors.New("disk on fire"))
	}
	if err := s.queue.Consume(ctx, broken); err != nil {
		t.Fatal(err)
	}
	return []string{id}
}

func actDiscard(ctx context.Context, s *stack, ids []string) error {
	return s.DiscardDead(ctx, "process:"+ids[0], "a test")
}

func checkDiscard(t *testing.T, s *stack, ids []string, done bool) {
	s.waitIdle(t)
	if b, err := s.Batch(t.Context(), ids[0]); err != nil || b.Status != store.Failed {
		t.Errorf("batch is %s, %v; want failed", b.Status, err)
	}
	if stats, err := s.QueueStats(t.Context()); err != nil || stats.Waiting != 0 || done && stats.Dead != 0 {
		t.Errorf("queue has %+v, %v; want no job waiting, and none dead if it was discarded: %v", stats, err, done)
	}
	if err := s.processNow(t.Context(), ids[0]); err != nil {
		t.Error(err)
	}
	s.check(t, sum(s.sample(1)))
}

func actRetry(ctx context.Context, s *stack, ids []string) error {
	if err := s.RetryDead(ctx, "process:"+ids[0]); err != nil {
		return err
	}
	return s.working(ctx, func() error {
		_, err := s.finish(ctx, ids[0])
		return err
	})
}

// order is what a child process does.
type order struct {
	place

	Scenario string
	IDs      []string
	// Kill is the number of the step before which the process kills itself.
	Kill int64
}

const orderVariable = "CRASHTEST_ORDER"

// doneMark is printed by a child that has carried out its order.
const doneMark = "done"

func TestMain(m *testing.M) {
	text := os.Getenv(orderVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	if err := o.obey(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// obey acts in a child process.
func (o *order) obey(ctx context.Context) error {
	switch o.Scenario {
	case randomScenario:
		return o.keepBusy(ctx)
	case apiScenario:
		return o.serveAPI(ctx)
	case workerScenario:
		return o.workOn(ctx)
	}
	var steps atomic.Int64
	s, err := o.open(ctx, func(statement string) {
		if steps.Add(1) != o.Kill {
			return
		}
		fmt.Printf("killed before: %.60q\n", statement)
		die()
	})
	if err != nil {
		return err
	}
	for _, sc := range scenarios() {
		if sc.name != o.Scenario {
			continue
		}
		if err := sc.act(ctx, s, o.IDs); err != nil {
			return err
		}
		fmt.Println(doneMark)
	}
	return s.close()
}

// die is kill -9: nothing is flushed, closed or deferred.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// command is a child process under the order.
func (o *order) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), orderVariable+"="+string(text))
	return child
}

// run starts a child and returns what it printed, and whether it was killed.
func (o *order) run(t *testing.T) (printed string, killed bool) {
	t.Helper()
	child := o.command(t)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.Output()
	if err == nil {
		return string(out), false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child: %v: %s%s", err, out, stderr.String())
	}
	return string(out), true
}

// maxSteps bounds scenarios in which the queue's own housekeeping goes on for
// as long as the process lives.
const maxSteps = 300

func TestKillAtEveryStep(t *testing.T) {
	for _, k := range kinds() {
		for _, sc := range scenarios() {
			t.Run(k.name+"/"+sc.name, func(t *testing.T) {
				t.Parallel()
				template := k.empty(t)
				template.Rows = sc.rows
				s := template.mustOpen(t)
				ids := sc.prepare(t, s)
				s.mustClose(t)
				stride := k.stride
				if testing.Short() {
					stride = k.strideShort
				}
				for step := int64(1); step <= maxSteps; step += stride {
					if !sc.killAt(t, k.copyOf(t, template), ids, step) {
						t.Logf("%d steps", step-1)
						return
					}
				}
			})
		}
	}
}

// killAt runs the scenario in a place, kills it before a step, and checks what
// is left. It returns false if there was no such step.
func (sc *scenario) killAt(t *testing.T, p *place, ids []string, step int64) bool {
	t.Helper()
	defer os.RemoveAll(p.Dir)
	o := order{place: *p, Scenario: sc.name, IDs: ids, Kill: step}
	printed, killed := o.run(t)
	s := p.mustOpen(t)
	defer s.mustClose(t)
	sc.check(t, s, ids, strings.Contains(printed, doneMark))
	s.checkNothingLeft(t)
	if t.Failed() {
		t.Fatalf("step %d: %s", step, printed)
	}
	return killed
}
