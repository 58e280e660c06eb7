package redisqueue_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

var emptyIsNil = cmpopts.EquateEmpty()

// states reads what is in Redis and says what state each job is in, or what is
// wrong: a job in two states or in none, or a part of one that is left over.
func states(t testing.TB, q *redisqueue.Queue) (map[string]modelJob, error) {
	t.Helper()
	client, ctx := q.Client(), t.Context()
	found := map[string]modelJob{}
	var wrong []error
	for state, name := range map[string]string{"delayed": "delay", "running": "lease", "dead": "dead", "done": "done", "waiting": "wait"} {
		var keys []string
		if state == "waiting" {
			keys = client.LRange(ctx, q.Key(name), 0, -1).Val()
		} else {
			keys = client.ZRange(ctx, q.Key(name), 0, -1).Val()
		}
		for _, key := range keys {
			if j, twice := found[key]; twice {
				wrong = append(wrong, fmt.Errorf("%s is %s and %s", key, j.State, state))
			}
			found[key] = modelJob{State: state}
		}
	}
	live, own := client.HGetAll(ctx, q.Key("jobs")).Val(), client.HGetAll(ctx, q.Key("own")).Val()
	att, messages := client.HGetAll(ctx, q.Key("att")).Val(), client.HGetAll(ctx, q.Key("err")).Val()
	for key, j := range found {
		before, err := strconv.Atoi(att[key])
		if err != nil && att[key] != "" {
			wrong = append(wrong, err)
		}
		j.Attempt = before
		if j.State == "running" {
			_, attempt, _ := strings.Cut(own[key], "/")
			j.Attempt, _ = strconv.Atoi(attempt)
			if j.Attempt != before+1 {
				wrong = append(wrong, fmt.Errorf("%s runs as attempt %d after %d", key, j.Attempt, before))
			}
		}
		found[key] = j
	}
	wrong = append(wrong,
		holds("jobs", live, found, "waiting", "delayed", "running", "dead"),
		holds("own", own, found, "running"),
		holds("err", messages, found, "dead"),
	)
	for key := range att {
		if s := found[key].State; s == "" || s == "done" {
			wrong = append(wrong, fmt.Errorf("att has %s, which is %q", key, s))
		}
	}
	if client.LLen(ctx, q.Key("wait")).Val() > 0 && client.ZCard(ctx, q.Key("wake")).Val() != 1 {
		wrong = append(wrong, errors.New("jobs wait and there is no marker to wake anybody"))
	}
	return found, errors.Join(wrong...)
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

// leftovers lists the keys of a queue but the version of its layout and those
// that expire by themselves.
func leftovers(t testing.TB, q *redisqueue.Queue) (left []string) {
	t.Helper()
	keys := q.Client().Scan(t.Context(), 0, q.Key("*"), 1000).Iterator()
	for keys.Next(t.Context()) {
		key := keys.Val()
		if key != q.Key("layout") && q.Client().PTTL(t.Context(), key).Val() < 0 {
			left = append(left, key)
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return left
}
