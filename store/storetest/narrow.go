package storetest

import (
	"context"
	"time"
)

func narrowRules() []rule {
	return []rule{{
		"the store works while an iterator is open, with one connection",
		"Store: a method may be called inside a range over an iterator of the same Store, also if the store has one connection only.",
		narrowOpen,
	}}
}

// patient is a reporter whose context ends a call that waits forever.
type patient struct {
	reporter
	ctx context.Context //nolint:containedctx // that of the check
}

func (p patient) Context() context.Context { return p.ctx }

func narrowOpen(c *check) {
	c.needs("OpenNarrow")
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Minute)
	defer cancel()
	c.reporter = patient{c.reporter, ctx}
	c.st = c.h.OpenNarrow(c.t)
	iteratorsOpen(c)
}
