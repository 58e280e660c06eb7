package redisqueue_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// The times of the model are far apart, so that the time that a test takes
// changes nothing: it passes in steps of 20 s, and all else ends off them.
const (
	step        = 20 * time.Second
	modelSpan   = 70 * time.Second
	modelWindow = 210 * time.Second
	modelRetry  = 50 * time.Second
	modelMost   = 3
)

// modelJob is what a queue should know of a job.
type modelJob struct {
	State    string
	Metadata string
	Attempt  int           // before or, if it runs, with this one
	Alone    bool          // it must run alone
	at       time.Duration // when the state ends by itself
	holder   *modelCaller
	owner    string
}

// modelCaller is a consumer.
type modelCaller struct {
	*redisqueue.Caller
	leased bool
	until  time.Duration
	last   *redisqueue.Answer
}

type modelLease struct {
	redisqueue.Lease
	holder *modelCaller
}

// model is a queue in a map, and the real one.
type model struct {
	t       *testing.T
	q       *redisqueue.Queue
	now     time.Duration
	jobs    map[string]*modelJob
	callers []*modelCaller
	leases  []modelLease // all there ever were
}

func TestTheScriptsDoAsAModel(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := open(t, url, named(t, redisqueue.Options{
			Lease: modelSpan, DoneWindow: modelWindow, Retry: queue.Retry{MaxAttempts: modelMost, Base: modelRetry, Max: modelRetry, Jitter: -1},
		}))
		m := &model{t: t, q: q, jobs: map[string]*modelJob{}}
		for range 3 {
			m.callers = append(m.callers, &modelCaller{Caller: redisqueue.NewCaller(q)})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue": m.enqueue,
			"take":    m.take,
			"finish":  m.finish,
			"resend":  m.resend,
			"extend":  m.extend,
			"advance": m.advance,
			"forward": m.forward,
			"exhume":  m.exhume,
			"":        m.check,
		})
		m.end(rt)
		if err := q.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func drawJob(rt *rapid.T) queue.Job {
	return queue.Job{Kind: "test", ID: string(rapid.SampledFrom([]rune("abcd")).Draw(rt, "job"))}
}

// tick applies the passing of time, as a call that takes jobs does.
func (m *model) tick() (back, buried []string) {
	has := map[*modelCaller]int{}
	for _, j := range m.jobs {
		if j.State == "running" {
			has[j.holder]++
		}
	}
	for key, j := range m.jobs {
		switch {
		case j.State == "delayed" && j.at <= m.now:
			j.State = "waiting"
		case j.State == "running" && j.holder.until <= m.now && j.Attempt >= modelMost && has[j.holder] == 1:
			j.State, j.Alone = "dead", false
			buried = append(buried, key)
		case j.State == "running" && j.holder.until <= m.now && j.Attempt >= modelMost-1:
			j.State, j.at, j.Attempt, j.Alone = "delayed", m.now+modelRetry, modelMost-1, true
			back = append(back, key)
		case j.State == "running" && j.holder.until <= m.now:
			j.State = "waiting"
			back = append(back, key)
		}
	}
	for _, c := range m.callers {
		c.leased = c.leased && c.until > m.now
	}
	slices.Sort(back)
	slices.Sort(buried)
	return back, buried
}

// known drops a completed job whose window is over.
func (m *model) known(key string) *modelJob {
	if j := m.jobs[key]; j != nil && j.State == "done" && j.at <= m.now {
		delete(m.jobs, key)
	}
	return m.jobs[key]
}

func (m *model) enqueue(rt *rapid.T) {
	var list []queue.Job
	for range rapid.IntRange(1, 4).Draw(rt, "jobs") {
		j := drawJob(rt)
		j.Metadata = rapid.SampledFrom([]string{"", "x", "y z"}).Draw(rt, "metadata")
		at := m.now
		if delay := rapid.IntRange(0, 3).Draw(rt, "delay"); delay > 0 {
			wait := time.Duration(delay)*step - 10*time.Second
			j.RunAt, at = time.Now().Add(wait), m.now+wait
		}
		list = append(list, j)
		if m.known(j.Key()) == nil {
			m.jobs[j.Key()] = &modelJob{State: "waiting", Metadata: j.Metadata, at: at}
			if at > m.now {
				m.jobs[j.Key()].State = "delayed"
			}
		}
	}
	if err := m.q.Enqueue(m.t.Context(), list...); err != nil {
		rt.Fatal(err)
	}
}

func (m *model) caller(rt *rapid.T) *modelCaller {
	return rapid.SampledFrom(m.callers).Draw(rt, "caller")
}

func (m *model) take(rt *rapid.T) {
	m.work(rt, m.caller(rt), rapid.IntRange(0, 4).Draw(rt, "want"))
}

// lease draws one, of which most are no longer held.
func (m *model) lease(rt *rapid.T) modelLease {
	if len(m.leases) == 0 {
		rt.Skip("nothing was leased yet")
	}
	return m.leases[len(m.leases)-1-rapid.IntRange(0, len(m.leases)-1).Draw(rt, "lease")]
}

// finish stores results of some leases of one consumer.
func (m *model) finish(rt *rapid.T) {
	c := m.lease(rt).holder
	var results []redisqueue.Result
	for range rapid.IntRange(1, 3).Draw(rt, "results") {
		l := m.lease(rt)
		known := slices.ContainsFunc(results, func(r redisqueue.Result) bool { return r.Lease == l.Lease })
		if l.holder == c && !known {
			results = append(results, redisqueue.Result{Lease: l.Lease, Operation: rapid.SampledFrom([]string{"complete", "retry", "bury", "release"}).Draw(rt, "operation")})
		}
	}
	m.work(rt, c, rapid.IntRange(0, 2).Draw(rt, "want"), results...)
}

func (m *model) work(rt *rapid.T, c *modelCaller, want int, results ...redisqueue.Result) redisqueue.Answer {
	got, err := c.Work(m.t.Context(), want, results...)
	if err != nil {
		rt.Fatal(err)
	}
	c.last = &got
	var refused []redisqueue.Lease
	for _, completed := range []bool{true, false} { // what is completed is stored first
		for _, r := range results {
			if (r.Operation == "complete") == completed && !m.storeResult(r) {
				refused = append(refused, r.Lease)
			}
		}
	}
	if diff := cmp.Diff(names(refused), names(got.Refused), emptyIsNil); diff != "" {
		rt.Errorf("refused results (-want +got):\n%s", diff)
	}
	if want > 0 {
		m.taken(rt, c, want, got)
	}
	if c.Holds() == 0 {
		c.leased = false
	}
	return got
}

func names(leases []redisqueue.Lease) []string {
	var s []string
	for _, l := range leases {
		s = append(s, l.Owner()+" "+l.Key())
	}
	slices.Sort(s)
	return s
}

// storeResult reports whether the lease is held and does what is to be.
func (m *model) storeResult(r redisqueue.Result) bool {
	j := m.jobs[r.Key()]
	if j == nil || j.State != "running" || j.owner != r.Owner() {
		return false
	}
	switch r.Operation {
	case "complete":
		*j = modelJob{State: "done", at: m.now + modelWindow}
	case "retry":
		j.State, j.at, j.Alone = "delayed", m.now+modelRetry, false
	case "bury":
		j.State, j.Alone = "dead", false
	case "release":
		j.State = "waiting"
		j.Attempt--
	}
	return true
}

func (m *model) taken(rt *rapid.T, c *modelCaller, want int, got redisqueue.Answer) {
	back, buried := m.tick()
	slices.Sort(got.Back)
	slices.Sort(got.Buried)
	if diff := cmp.Diff([][]string{back, buried}, [][]string{got.Back, got.Buried}, emptyIsNil); diff != "" {
		rt.Errorf("jobs put back and buried because their lease expired (-want +got):\n%s", diff)
	}
	waiting, alone := 0, false
	for _, j := range m.jobs {
		if j.State == "waiting" {
			waiting++
			alone = alone || j.Alone
		}
	}
	if alone {
		m.takenBeside(rt, c, got)
	} else if len(got.Taken) != min(want, waiting) {
		rt.Errorf("%d jobs were taken, want %d: %d are waiting and %d were wanted", len(got.Taken), min(want, waiting), waiting, want)
	}
	for _, l := range got.Taken {
		j := m.jobs[l.Key()]
		if j == nil || j.State != "waiting" || l.Attempt() != j.Attempt+1 || l.Metadata() != j.Metadata {
			rt.Fatalf("%s was taken as attempt %d from %q, but is %+v", l.Key(), l.Attempt(), l.Metadata(), j)
		}
		*j = modelJob{State: "running", Metadata: j.Metadata, Attempt: l.Attempt(), Alone: j.Alone, holder: c, owner: l.Owner()}
		m.leases = append(m.leases, modelLease{l, c})
		c.leased, c.until = true, m.now+modelSpan
	}
}

// takenBeside checks what was taken while jobs wait that must run alone. The model
// does not know their places.
func (m *model) takenBeside(rt *rapid.T, c *modelCaller, got redisqueue.Answer) {
	for _, l := range got.Taken {
		if m.jobs[l.Key()].Alone && c.Holds() > 1 {
			rt.Errorf("%s, which must run alone, was taken by a consumer with %d jobs", l.Key(), c.Holds())
		}
	}
	if len(got.Taken) == 0 && c.Holds() == 0 {
		rt.Errorf("nothing was taken by a consumer without jobs")
	}
}

// resend repeats the last call of a consumer, whose answer was lost.
func (m *model) resend(rt *rapid.T) {
	c := m.caller(rt)
	if c.last == nil {
		rt.Skip("there was no call yet")
	}
	got, err := c.Resend(m.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	all := func(a redisqueue.Answer) [][]string {
		slices.Sort(a.Back)
		slices.Sort(a.Buried)
		return [][]string{names(a.Taken), names(a.Refused), a.Back, a.Buried}
	}
	if diff := cmp.Diff(all(*c.last), all(got), emptyIsNil); diff != "" {
		rt.Errorf("second answer to the same call (-first +second):\n%s", diff)
	}
}

func (m *model) extend(rt *rapid.T) {
	l := m.lease(rt)
	got, err := l.holder.Extend(m.t.Context(), l.Lease)
	if err != nil {
		rt.Fatal(err)
	}
	if l.holder.leased {
		l.holder.until = m.now + modelSpan
	}
	j := m.jobs[l.Key()]
	if want := j != nil && j.State == "running" && j.owner == l.Owner(); got != want {
		rt.Errorf("Extend of %s is %v, want %v", l.Owner(), got, want)
	}
}

// advance lets time pass, which is the same as having all times earlier.
func (m *model) advance(rt *rapid.T) {
	d := step * time.Duration(rapid.IntRange(1, 5).Draw(rt, "steps"))
	m.now += d
	r := read(m.t, m.q)
	_, err := m.q.Client().Pipelined(m.t.Context(), func(p redis.Pipeliner) error {
		for state, name := range map[string]string{"delayed": "delay", "leases": "lease", "done": "done"} {
			for _, key := range r.sets[state] {
				p.ZIncrBy(m.t.Context(), m.q.Key(name), -float64(d.Milliseconds()), key)
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// forward sets the clock forward, which leases and the waits of failed jobs must
// not notice. It is the same as having all times earlier, by what Redis stores and by
// what the queue knows of its clock.
func (m *model) forward(rt *rapid.T) {
	d := step * time.Duration(rapid.IntRange(1, 20).Draw(rt, "steps"))
	for _, j := range m.jobs {
		if j.State == "done" || j.State == "delayed" && j.Attempt == 0 {
			j.at -= d
		}
	}
	shiftTimes(m.t, m.q, -d)
	m.q.ServerWasSetForward(d)
	for _, c := range m.callers {
		c.last = nil // the answers that Redis keeps have another clock
	}
}

func (m *model) exhume(rt *rapid.T) {
	key := drawJob(rt).Key()
	j, retry := m.known(key), rapid.Bool().Draw(rt, "retry")
	var want, got error
	switch {
	case j == nil:
		want = queue.ErrNotFound
	case j.State != "dead":
		want = queue.ErrNotDead
	case retry:
		*j = modelJob{State: "waiting", Metadata: j.Metadata}
	default:
		delete(m.jobs, key)
	}
	if retry {
		got = m.q.Retry(m.t.Context(), key)
	} else {
		got = m.q.Discard(m.t.Context(), key, "test")
	}
	if !errors.Is(got, want) {
		rt.Errorf("Retry (or, if %v, Discard) of %s: %v, want %v", !retry, key, got, want)
	}
}

// check compares what the queue holds with the model.
func (m *model) check(rt *rapid.T) {
	want := map[string]modelJob{}
	for key := range m.jobs {
		if j := m.known(key); j != nil {
			want[key] = modelJob{State: j.State, Metadata: j.Metadata, Attempt: j.Attempt, Alone: j.Alone}
		}
	}
	got, err := states(m.t, m.q)
	if err != nil {
		rt.Error(err)
	}
	for key, j := range got {
		if _, ok := want[key]; !ok && j.State == "done" {
			delete(got, key) // not removed yet
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(modelJob{})); diff != "" {
		rt.Fatalf("what the queue holds (-want +got):\n%s", diff)
	}
	var leases []string
	for _, c := range m.callers {
		if c.leased {
			leases = append(leases, c.ID())
		}
	}
	slices.Sort(leases)
	have := read(m.t, m.q).sets["leases"]
	slices.Sort(have)
	if diff := cmp.Diff(leases, have, emptyIsNil); diff != "" {
		rt.Fatalf("consumers with leases (-want +got):\n%s", diff)
	}
}

// end has all jobs done and discarded, and looks for what is left over.
func (m *model) end(rt *rapid.T) {
	for range 100 {
		m.advance(rt)
		c := &modelCaller{Caller: redisqueue.NewCaller(m.q)} // the others may run jobs
		var results []redisqueue.Result
		for _, l := range m.work(rt, c, 10).Taken {
			results = append(results, redisqueue.Result{Lease: l, Operation: "complete"})
		}
		m.work(rt, c, 0, results...)
		dead, err := m.q.Dead(m.t.Context(), queue.DeadQuery{})
		if err != nil {
			rt.Fatal(err)
		}
		for _, d := range dead {
			if err := m.q.Discard(m.t.Context(), d.Key(), "test"); err != nil {
				rt.Fatal(err)
			}
			delete(m.jobs, d.Key())
		}
		if len(leftovers(m.t, m.q)) == 0 {
			return
		}
		for key := range m.jobs {
			m.known(key)
		}
	}
	rt.Fatalf("of the jobs %v there are left %v", m.jobs, leftovers(m.t, m.q))
}
