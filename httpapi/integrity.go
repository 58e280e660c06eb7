package httpapi

import "github.com/eventmetrics/eventmetrics"

func driftBodies(drifts []eventmetrics.Drift) []object {
	list := make([]object, len(drifts))
	for i, d := range drifts {
		cells := make([]object, len(d.Cells))
		for j, c := range d.Cells {
			cells[j] = object{
				"date": c.Day.String(), "event_type": c.Type, "cause": c.Cause,
				"ledger_count": c.Ledger, "event_count": c.Events, "difference": c.Ledger - c.Events,
			}
		}
		list[i] = object{
			"batch_id": d.BatchID, "cause": d.Cause, "cells": cells, "cells_truncated": d.Truncated,
			"ledger_count": d.Ledger, "event_count": d.Events, "difference": d.Ledger - d.Events,
		}
	}
	return list
}
