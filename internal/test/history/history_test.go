package history_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

func TestMain(m *testing.M) {
	text := os.Getenv(orderVariable)
	if text == "" {
		if code, done := ownMounts(); done {
			os.Exit(code)
		}
		os.Exit(testenv.Main{M: m}.Run())
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.serve(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// number returns the number that a variable has.
func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestHistories runs 20 histories, or as many as HISTORY_RUNS says, from
// HISTORY_SEED on.
func TestHistories(t *testing.T) {
	runs, seed := uint64(20), uint64(0)
	if testing.Short() {
		runs = 4
	}
	if os.Getenv("HISTORY_RUNS") != "" {
		seed = rand.Uint64N(1e9) * 4
	}
	runs, seed = number(t, "HISTORY_RUNS", runs), number(t, "HISTORY_SEED", seed)
	t.Logf("HISTORY_SEED=%d", seed)
	all := pairs()
	for i := range uint64(len(all)) {
		p := &all[(seed+i)%uint64(len(all))]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			machines := p.start(t)
			for n := i; n < runs; n += uint64(len(all)) {
				t.Run(strconv.FormatUint(seed+n, 10), func(t *testing.T) { p.run(t, machines, seed+n) })
			}
		})
	}
}

// run runs the history of a seed. If it fails, it looks for a shorter one that
// fails too.
func (p *pair) run(t *testing.T, machines *machines, seed uint64) {
	steps := draw(seed)
	h, err := p.play(t, machines, steps)
	if err == nil {
		return
	}
	begin := time.Now()
	for range number(t, "HISTORY_SHRINK", 12) {
		shorter := leaveOut(steps, seed)
		if h2, err2 := p.play(t, machines, shorter); err2 != nil {
			steps, h, err = shorter[:h2.done], h2, err2
		}
		seed++
		if len(steps) < 3 || time.Since(begin) > 10*time.Minute {
			break
		}
	}
	t.Errorf("%v\n\nthe operations, the last of which failed:\n%s\n\nthe last lines of the server's log:\n%s",
		err, strings.Join(h.log, "\n"), h.lastLines())
}

// lastLines returns the end of the log of the server.
func (h *history) lastLines() string {
	if h.server == nil {
		return ""
	}
	const most = 10
	lines := strings.Split(strings.TrimSpace(h.server.log.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// step is one operation and the seed of its choices.
type step struct {
	op   int // in operations
	seed uint64
}

// draw draws a history.
func draw(seed uint64) (steps []step) {
	rng := rand.New(rand.NewPCG(seed, 0))
	all, sum := operations(), 0
	for _, op := range all {
		sum += op.weight
	}
	for range 15 + rng.IntN(15) {
		n := rng.IntN(sum)
		for i, op := range all {
			if n -= op.weight; n < 0 {
				steps = append(steps, step{i, rng.Uint64()})
				break
			}
		}
	}
	return steps
}

// leaveOut leaves out a random part of the steps, except the last.
func leaveOut(steps []step, seed uint64) (left []step) {
	rng := rand.New(rand.NewPCG(seed, 1))
	share := pick(rng, []int{20, 40, 60})
	for i, s := range steps {
		if i == len(steps)-1 || !chance(rng, share) {
			left = append(left, s)
		}
	}
	return left
}

// history is one that is being played.
type history struct {
	ctx     context.Context //nolint:containedctx // of one test
	place   *place
	order   order
	server  *server
	model   model
	rng     *rand.Rand // of the present step
	offset  time.Duration
	moments []time.Time  // at which nothing was under way
	held    bool         // nothing is recorded
	full    bool         // there is no space left
	emptied func() error // makes room
	once    func() (*answer, error)
	log     []string
	done    int // steps
	kills   int
}

// now is the time of the server's clock.
func (h *history) now() time.Time { return time.Now().Add(h.offset) }

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf("%3d  ", h.done)+fmt.Sprintf(format, args...))
}

// play plays a history at a new place.
func (p *pair) play(t *testing.T, machines *machines, steps []step) (*history, error) {
	place := p.place(t, machines)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	h := &history{ctx: ctx, place: place, order: order{Site: place.site, Poison: map[string]string{}}, model: model{retired: map[string]bool{}, doubled: map[string]bool{}}}
	h.rng = rand.New(rand.NewPCG(0, 0))
	h.order.Dimensions = allDimensions[:2]
	if err := h.startServer(); err != nil {
		return h, err
	}
	defer func() { h.server.kill() }()
	defer func() { _ = h.makeRoom() }() // the others use the same servers
	return h, h.play(steps)
}

func (h *history) play(steps []step) error {
	all := operations()
	for _, s := range steps {
		h.done++
		h.rng = rand.New(rand.NewPCG(s.seed, 0))
		if err := h.arm(); err != nil {
			return err
		}
		if err := all[s.op].do(h); err != nil {
			return err
		}
		if h.full && chance(h.rng, 30) {
			if err := h.makeRoom(); err != nil {
				return err
			}
		}
		if chance(h.rng, 25) {
			if err := h.check(); err != nil {
				return err
			}
		}
	}
	return h.finish()
}

// finish checks the end: all was processed, and nothing is left over.
func (h *history) finish() error {
	h.note("the end")
	if err := h.makeRoom(); err != nil {
		return err
	}
	if err := h.check(); err != nil {
		return err
	}
	if err := h.server.end(); err != nil {
		return err
	}
	if err := h.startServer(); err != nil {
		return err
	}
	if err := h.opReprocess(); err != nil {
		return err
	}
	if err := h.opAudit(); err != nil {
		return err
	}
	return h.check()
}

// operation is something that a client or an operator does.
type operation struct {
	weight int
	do     func(*history) error
}

// operations are all of them, with how often they occur.
func operations() []operation {
	return []operation{
		{30, (*history).opUpload},
		{4, (*history).opDryRun},
		{10, (*history).opProcess},
		{6, (*history).opDelete},
		{4, (*history).opDeleteProcessing},
		{3, (*history).opErrors},
		{6, (*history).opRepair},
		{3, (*history).opPoison},
		{3, (*history).opRetry},
		{2, (*history).opRetryAll},
		{2, (*history).opDiscard},
		{3, (*history).opCleanup},
		{2, (*history).opReconcile},
		{4, (*history).opReprocess},
		{4, (*history).opAudit},
		{5, (*history).opRetention},
		{6, (*history).opErase},
		{6, (*history).opQuery},
		{2, (*history).opExplain},
		{4, (*history).opRestart},
		{4, (*history).opKill},
		{6, (*history).opClock},
		{4, (*history).opFull},
		{4, (*history).opTogether},
	}
}
