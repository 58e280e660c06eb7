package redisqueue

import (
	"errors"
	"fmt"
)

// errAnswer means that the answer of a script has not the expected form.
var errAnswer = errors.New("redisqueue: unexpected answer of Redis")

// list reads a list of n, or of any length if n is less than 0.
func list(v any, n int) ([]any, error) {
	l, ok := v.([]any)
	if !ok || n >= 0 && len(l) != n {
		return nil, fmt.Errorf("%w: %T of %d, not a list of %d", errAnswer, v, len(l), n)
	}
	return l, nil
}

func texts(v any, n int) ([]string, error) { return listOf[string](v, n) }

func numbers(v any, n int) ([]int64, error) { return listOf[int64](v, n) }

func listOf[V any](v any, n int) ([]V, error) {
	l, err := list(v, n)
	if err != nil {
		return nil, err
	}
	values := make([]V, len(l))
	for i := range l {
		var ok bool
		if values[i], ok = l[i].(V); !ok {
			return nil, fmt.Errorf("%w: %T in a list of %T", errAnswer, l[i], values[i])
		}
	}
	return values, nil
}

// places reads a list of indexes of n things. Lua counts them from 1.
func places(v any, n int) ([]int, error) {
	l, err := numbers(v, -1)
	if err != nil {
		return nil, err
	}
	places := make([]int, len(l))
	for i := range l {
		if l[i] < 1 || l[i] > int64(n) {
			return nil, fmt.Errorf("%w: place %d of %d", errAnswer, l[i], n)
		}
		places[i] = int(l[i]) - 1
	}
	return places, nil
}
