package eventmetrics_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/queue"
)

// inTrace is a context with a remote span.
func inTrace(ctx context.Context) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 7}, TraceFlags: trace.FlagsSampled,
	}))
}

func TestMetadataComesBack(t *testing.T) {
	const parent = "t=00-00000000000000000000000000000001-0000000000000007-01"
	for name, tc := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is the input
		want string
	}{
		"nothing":                 {t.Context(), ""},
		"an id":                   {eventmetrics.WithRequestID(t.Context(), "a t=b r=c"), "r=a t=b r=c"},
		"a trace":                 {inTrace(t.Context()), parent},
		"both":                    {eventmetrics.WithRequestID(inTrace(t.Context()), "abc"), parent + " r=abc"},
		"the longest id":          {eventmetrics.WithRequestID(inTrace(t.Context()), strings.Repeat("x", 128)), parent + " r=" + strings.Repeat("x", 128)},
		"an id that is too long":  {eventmetrics.WithRequestID(t.Context(), strings.Repeat("x", 129)), ""},
		"an id that is not ASCII": {eventmetrics.WithRequestID(inTrace(t.Context()), "é"), parent},
	} {
		t.Run(name, func(t *testing.T) {
			got := eventmetrics.Metadata(tc.ctx)
			if got != tc.want {
				t.Fatalf("metadata is %q, want %q", got, tc.want)
			}
			if again := eventmetrics.Metadata(eventmetrics.WithMetadata(t.Context(), got)); again != got {
				t.Errorf("%q comes back as %q", got, again)
			}
		})
	}
}

func TestUnknownMetadataIsHarmless(t *testing.T) {
	const parent = "t=00-00000000000000000000000000000001-0000000000000007-01"
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"t=", "r=", " ", parent, parent + "-more", "t=00-", "abc"}))
	rapid.Check(t, func(rt *rapid.T) {
		s := strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(rt, "metadata"), "")
		again := eventmetrics.Metadata(eventmetrics.WithMetadata(t.Context(), s))
		if err := (queue.Job{Kind: "test", ID: "1", Metadata: again}).Validate(); err != nil {
			rt.Errorf("%q becomes %q: %v", s, again, err)
		}
		if third := eventmetrics.Metadata(eventmetrics.WithMetadata(t.Context(), again)); third != again {
			rt.Errorf("%q becomes %q, then %q", s, again, third)
		}
	})
}
