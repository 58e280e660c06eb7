package redisqueue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/internal/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// The times of the model are far apart, so that the time that a test takes
// changes nothing: it passes in steps of 20 s, and all else ends 10 s off them.
const (
	step        = 20 * time.Second
	modelLease  = 70 * time.Second
	modelWindow = 210 * time.Second
	modelRetry  = 50 * time.Second
	modelMost   = 2
)

// modelJob is what a queue should know of a job.
type modelJob struct {
	State   string
	Attempt int           // before or, if it runs, with this one
	at      time.Duration // when the state ends by itself
	owner   string
}

// model is a queue in a map, and the real one.
type model struct {
	rt     *rapid.T
	t      *testing.T
	q      *redisqueue.Queue
	caller *redisqueue.Caller
	now    time.Duration
	jobs   map[string]*modelJob
	leases []redisqueue.Lease // all there ever were
	last   redisqueue.Answer
	called bool
}

func TestTheScriptsDoAsAModel(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := open(t, url, named(t, redisqueue.Options{
			Lease: modelLease, DoneWindow: modelWindow, Retry: queue.Retry{MaxAttempts: modelMost, Base: modelRetry, Max: modelRetry, Jitter: -1},
		}))
		m := &model{rt: rt, t: t, q: q, caller: redisqueue.NewCaller(q), jobs: map[string]*modelJob{}}
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue": m.enqueue,
			"take":    m.take,
			"finish":  m.finish,
			"resend":  m.resend,
			"extend":  m.extend,
			"advance": m.advance,
			"exhume":  m.exhume,
			"":        m.check,
		})
		m.end()
		if err := q.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func drawJob(rt *rapid.T) queue.Job {
	return queue.Job{Kind: "test", ID: string(rapid.SampledFrom([]rune("abcdef")).Draw(rt, "job"))}
}

// tick does what time does when somebody takes jobs.
func (m *model) tick() (back, buried []string) {
	for key, j := range m.jobs {
		switch {
		case j.at > m.now:
		case j.State == "delayed":
			j.State = "waiting"
		case j.State == "running" && j.Attempt >= modelMost:
			j.State = "dead"
			buried = append(buried, key)
		case j.State == "running":
			j.State = "waiting"
			back = append(back, key)
		}
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
		at := m.now
		if delay := rapid.IntRange(0, 3).Draw(rt, "delay"); delay > 0 {
			wait := time.Duration(delay)*step - 10*time.Second
			j.RunAt, at = time.Now().Add(wait), m.now+wait
		}
		list = append(list, j)
		if m.known(j.Key()) == nil {
			m.jobs[j.Key()] = &modelJob{State: "waiting", at: at}
			if at > m.now {
				m.jobs[j.Key()].State = "delayed"
			}
		}
	}
	if err := m.q.Enqueue(m.t.Context(), list...); err != nil {
		rt.Fatal(err)
	}
}

func (m *model) take(rt *rapid.T) { m.work(rt, rapid.IntRange(0, 4).Draw(rt, "want")) }

// finish stores results of some leases, of which most are no longer held.
func (m *model) finish(rt *rapid.T) {
	if len(m.leases) == 0 {
		rt.Skip("nothing was leased yet")
	}
	var results []redisqueue.Result
	picked := rapid.SliceOfNDistinct(rapid.IntRange(0, len(m.leases)-1), 1, 3, rapid.ID).Draw(rt, "leases")
	seen := map[string]bool{}
	for _, i := range picked {
		l := m.leases[len(m.leases)-1-i]
		if !seen[l.Key()] {
			seen[l.Key()] = true
			results = append(results, redisqueue.Result{Lease: l, Operation: rapid.SampledFrom([]string{"complete", "retry", "bury", "release"}).Draw(rt, "operation")})
		}
	}
	m.work(rt, rapid.IntRange(0, 2).Draw(rt, "want"), results...)
}

func (m *model) work(rt *rapid.T, want int, results ...redisqueue.Result) {
	got, err := m.caller.Work(m.t.Context(), want, results...)
	if err != nil {
		rt.Fatal(err)
	}
	m.last, m.called = got, true
	refused := map[string]bool{}
	for _, r := range results {
		if !m.settle(r) {
			refused[r.Key()] = true
		}
	}
	for _, key := range got.Refused {
		if !refused[key] {
			rt.Errorf("the result of %s was refused, whose lease is held", key)
		}
		delete(refused, key)
	}
	if len(refused) > 0 {
		rt.Errorf("results of %v were stored, whose leases are lost", slices.Collect(maps.Keys(refused)))
	}
	if want > 0 {
		m.taken(rt, want, got)
	}
}

// settle reports whether the lease is held and does what is to be.
func (m *model) settle(r redisqueue.Result) bool {
	j := m.jobs[r.Key()]
	if j == nil || j.State != "running" || j.owner != r.Owner() {
		return false
	}
	switch r.Operation {
	case "complete":
		*j = modelJob{State: "done", at: m.now + modelWindow}
	case "retry":
		j.State, j.at = "delayed", m.now+modelRetry
	case "bury":
		j.State = "dead"
	case "release":
		j.State = "waiting"
		j.Attempt--
	}
	return true
}

func (m *model) taken(rt *rapid.T, want int, got redisqueue.Answer) {
	back, buried := m.tick()
	slices.Sort(got.Back)
	slices.Sort(got.Buried)
	if diff := cmp.Diff([][]string{back, buried}, [][]string{got.Back, got.Buried}, emptyIsNil); diff != "" {
		rt.Errorf("jobs put back and buried because their lease expired (-want +got):\n%s", diff)
	}
	waiting := 0
	for _, j := range m.jobs {
		if j.State == "waiting" {
			waiting++
		}
	}
	if len(got.Taken) != min(want, waiting) {
		rt.Errorf("%d jobs were taken, want %d: %d are waiting and %d were wanted", len(got.Taken), min(want, waiting), waiting, want)
	}
	for _, l := range got.Taken {
		j := m.jobs[l.Key()]
		if j == nil || j.State != "waiting" || l.Attempt() != j.Attempt+1 {
			rt.Fatalf("%s was taken as attempt %d, but is %+v", l.Key(), l.Attempt(), j)
		}
		*j = modelJob{State: "running", Attempt: l.Attempt(), at: m.now + modelLease, owner: l.Owner()}
		m.leases = append(m.leases, l)
	}
}

// resend repeats the last call of work, whose answer was lost.
func (m *model) resend(rt *rapid.T) {
	if !m.called {
		rt.Skip("there was no call yet")
	}
	got, err := m.caller.Resend(m.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	for _, list := range [][]string{got.Back, got.Buried} {
		slices.Sort(list)
	}
	keys := func(a redisqueue.Answer) (s []string) {
		for _, l := range a.Taken {
			s = append(s, l.Owner()+" "+l.Key())
		}
		return slices.Concat(s, []string{"refused"}, a.Refused, []string{"back"}, a.Back, []string{"buried"}, a.Buried)
	}
	for _, list := range [][]string{m.last.Back, m.last.Buried} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(keys(m.last), keys(got)); diff != "" {
		rt.Errorf("second answer to the same call (-first +second):\n%s", diff)
	}
}

func (m *model) extend(rt *rapid.T) {
	if len(m.leases) == 0 {
		rt.Skip("nothing was leased yet")
	}
	l := m.leases[len(m.leases)-1-rapid.IntRange(0, len(m.leases)-1).Draw(rt, "lease")]
	got, err := m.caller.Extend(m.t.Context(), l)
	if err != nil {
		rt.Fatal(err)
	}
	j := m.jobs[l.Key()]
	want := j != nil && j.State == "running" && j.owner == l.Owner()
	if want {
		j.at = m.now + modelLease
	}
	if got != want {
		rt.Errorf("Extend of %s is %v, want %v", l.Owner(), got, want)
	}
}

// advance lets time pass, which is the same as having all times earlier.
func (m *model) advance(rt *rapid.T) {
	d := step * time.Duration(rapid.IntRange(1, 5).Draw(rt, "steps"))
	m.now += d
	r := read(m.t, m.q)
	_, err := m.q.Client().Pipelined(m.t.Context(), func(p redis.Pipeliner) error {
		for state, name := range map[string]string{"delayed": "delay", "running": "lease", "done": "done"} {
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
		*j = modelJob{State: "waiting"}
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
			want[key] = modelJob{State: j.State, Attempt: j.Attempt}
		}
	}
	got, err := states(m.t, m.q)
	if err != nil {
		rt.Error(err)
	}
	for key, j := range got {
		if _, ok := want[key]; !ok && j.State == "done" {
			delete(got, key) // nobody has come by to forget it
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(modelJob{})); diff != "" {
		rt.Fatalf("what the queue holds (-want +got):\n%s", diff)
	}
}

// end has all jobs done and discarded, and looks for what is left over.
func (m *model) end() {
	for range 100 {
		m.advance(m.rt)
		m.work(m.rt, 10)
		var results []redisqueue.Result
		for _, l := range m.last.Taken {
			results = append(results, redisqueue.Result{Lease: l, Operation: "complete"})
		}
		m.work(m.rt, 0, results...)
		dead, err := m.q.Dead(m.t.Context(), queue.DeadQuery{})
		if err != nil {
			m.rt.Fatal(err)
		}
		for _, d := range dead {
			if err := m.q.Discard(m.t.Context(), d.Key(), "test"); err != nil {
				m.rt.Fatal(err)
			}
			delete(m.jobs, d.Key())
		}
		if left := leftovers(m.t, m.q); len(left) == 0 {
			return
		} else if len(m.jobs) == 0 {
			m.rt.Fatalf("all jobs are gone and there are left %v", left)
		}
		for key := range m.jobs {
			m.known(key)
		}
	}
	m.rt.Fatalf("the jobs do not end: %v", fmt.Sprint(m.jobs))
}
