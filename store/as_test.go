package store_test

import (
	"context"
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
)

// pinger has the optional ability Pinger.
type pinger struct{ store.Store }

func (pinger) Ping(context.Context) error { return nil }

// wrapper hides the abilities of what it wraps, but says what that is.
type wrapper struct{ store.Store }

func (w wrapper) Unwrap() store.Store { return w.Store }

// opaque does not say what it wraps.
type opaque struct{ store.Store }

func TestAsFindsAnAbility(t *testing.T) {
	for _, tc := range []struct {
		name string
		st   store.Store
		want bool
	}{
		{"of the store itself", pinger{}, true},
		{"of the store that it wraps", wrapper{pinger{}}, true},
		{"of the store two layers below", wrapper{wrapper{pinger{}}}, true},
		{"not where there is none", wrapper{opaque{}}, false},
		{"not behind an opaque store", wrapper{opaque{pinger{}}}, false},
		{"not in a wrapper of nothing", wrapper{}, false},
		{"not in nil", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, ok := store.As[store.Pinger](tc.st)
			if ok != tc.want {
				t.Fatalf("As found it: %t, want %t", ok, tc.want)
			}
			if ok != (p != nil) {
				t.Errorf("As returned %v, %t", p, ok)
			}
		})
	}
}

func TestAsPrefersTheOuterStore(t *testing.T) {
	inner := wrapper{pinger{}}
	got, ok := store.As[interface{ Unwrap() store.Store }](numbered{wrapper{numbered{inner, 2}}, 1})
	if outer, is := got.(numbered); !ok || !is || outer.depth != 1 {
		t.Errorf("As returned %v, %t, want the outermost", got, ok)
	}
}

// numbered is a wrapper that can be told from others.
type numbered struct {
	wrapper
	depth int
}
