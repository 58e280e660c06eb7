package store_test

import (
	"context"
	"iter"
	"testing"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// explainer implements the optional interface Explainer.
type explainer struct{ store.Store }

func (explainer) Explain(context.Context, metrics.Day, string) iter.Seq2[store.Share, error] {
	return nil
}

// wrapper hides the optional interfaces of the store that it wraps, but has
// Unwrap.
type wrapper struct{ store.Store }

func (w wrapper) Unwrap() store.Store { return w.Store }

// opaque has no Unwrap.
type opaque struct{ store.Store }

func TestAsFindsAnOptionalInterface(t *testing.T) {
	for _, tc := range []struct {
		name string
		st   store.Store
		want bool
	}{
		{"of the store itself", explainer{}, true},
		{"of the store that it wraps", wrapper{explainer{}}, true},
		{"of the store two layers below", wrapper{wrapper{explainer{}}}, true},
		{"not where there is none", wrapper{opaque{}}, false},
		{"not below an opaque store", wrapper{opaque{explainer{}}}, false},
		{"not in a wrapper of nothing", wrapper{}, false},
		{"not in nil", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, ok := store.As[store.Explainer](tc.st)
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
	inner := wrapper{explainer{}}
	got, ok := store.As[interface{ Unwrap() store.Store }](numbered{wrapper{numbered{inner, 2}}, 1})
	if outer, is := got.(numbered); !ok || !is || outer.depth != 1 {
		t.Errorf("As returned %v, %t, want the outermost", got, ok)
	}
}

// numbered is a wrapper with an identity.
type numbered struct {
	wrapper
	depth int
}
