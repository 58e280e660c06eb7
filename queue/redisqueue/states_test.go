package redisqueue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

var emptyIsNil = cmpopts.EquateEmpty()

// states reads what is in Redis and says what state each job is in, or what is
// wrong: a job in two states or in none, or a part of one that is left over.
func states(t testing.TB, q *redisqueue.Queue) (map[string]modelJob, error) {
	t.Helper()
	r := read(t, q)
	found := map[string]modelJob{}
	var wrong []error
	for _, state := range []string{"waiting", "delayed", "running", "dead", "done"} {
		keys := r.sets[state]
		for _, key := range keys {
			if j, twice := found[key]; twice {
				wrong = append(wrong, fmt.Errorf("%s is %s and %s", key, j.State, state))
			}
			found[key] = modelJob{State: state}
		}
	}
	own, att := r.hashes["own"], r.hashes["att"]
	for key, j := range found {
		earlier, alone, _ := strings.Cut(att[key], " ")
		before, err := strconv.Atoi(earlier)
		if err != nil && att[key] != "" {
			wrong = append(wrong, err)
		}
		j.Attempt, j.Alone, j.Metadata = before, alone == "alone", r.hashes["from"][key]
		if j.State == "running" {
			holder, attempt, _ := strings.Cut(own[key], "/")
			if id, _, _ := strings.Cut(holder, "."); !slices.Contains(r.sets["leases"], id) {
				wrong = append(wrong, fmt.Errorf("%s runs in the name of %s, who has no lease", key, id))
			}
			j.Attempt, _ = strconv.Atoi(attempt)
			if j.Attempt != before+1 {
				wrong = append(wrong, fmt.Errorf("%s runs as attempt %d after %d", key, j.Attempt, before))
			}
		}
		found[key] = j
	}
	wrong = append(wrong,
		holds("jobs", r.hashes["jobs"], found, "waiting", "delayed", "running", "dead"),
		deadHaveFailures(r.hashes["err"], r.sets["dead"]),
	)
	for _, name := range []string{"att", "from", "err"} {
		for key := range r.hashes[name] {
			if s := found[key].State; s == "" || s == "done" {
				wrong = append(wrong, fmt.Errorf("%s has %s, which is %q", name, key, s))
			}
		}
	}
	if len(r.sets["waiting"]) > 0 && len(r.sets["woken"]) != 1 {
		wrong = append(wrong, errors.New("jobs wait and there is no marker to wake anybody"))
	}
	return found, errors.Join(wrong...)
}

// deadHaveFailures returns an error if a dead job has no failure.
func deadHaveFailures(failures map[string]string, dead []string) error {
	for _, key := range dead {
		if failures[key] == "" {
			return fmt.Errorf("%s is dead and has no failure", key)
		}
	}
	return nil
}

// contents is what is in the keys of a queue.
type contents struct {
	sets   map[string][]string
	hashes map[string]map[string]string
}

func read(t testing.TB, q *redisqueue.Queue) contents {
	t.Helper()
	ctx := t.Context()
	sets, hashes := map[string]*redis.StringSliceCmd{}, map[string]*redis.MapStringStringCmd{}
	_, err := q.Client().Pipelined(ctx, func(p redis.Pipeliner) error {
		sets["waiting"] = p.LRange(ctx, q.Key("wait"), 0, -1)
		for state, name := range map[string]string{"delayed": "delay", "dead": "dead", "done": "done", "leases": "lease", "woken": "wake"} {
			sets[state] = p.ZRange(ctx, q.Key(name), 0, -1)
		}
		for _, name := range []string{"jobs", "own", "att", "from", "err"} {
			hashes[name] = p.HGetAll(ctx, q.Key(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c := contents{map[string][]string{}, map[string]map[string]string{}}
	for state, cmd := range sets {
		c.sets[state] = cmd.Val()
	}
	for name, cmd := range hashes {
		c.hashes[name] = cmd.Val()
	}
	c.sets["running"] = slices.Collect(maps.Keys(c.hashes["own"]))
	return c
}

// holds checks that a hash is of just the jobs in some states.
func holds(name string, hash map[string]string, found map[string]modelJob, states ...string) error {
	var want, got []string
	for key, j := range found {
		if slices.Contains(states, j.State) {
			want = append(want, key)
		}
	}
	for key := range hash {
		got = append(got, key)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got, emptyIsNil); diff != "" {
		return fmt.Errorf("jobs in %s (-want +got):\n%s", name, diff)
	}
	return nil
}

// leftovers lists the keys of a queue but the version of its layout, its clock and
// those that expire by themselves.
func leftovers(t testing.TB, q *redisqueue.Queue) (left []string) {
	t.Helper()
	keys := q.Client().Scan(t.Context(), 0, q.Key("*"), 1000).Iterator()
	for keys.Next(t.Context()) {
		key := keys.Val()
		if key != q.Key("layout") && key != q.Key("clock") && q.Client().PTTL(t.Context(), key).Val() < 0 {
			left = append(left, key)
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return left
}
