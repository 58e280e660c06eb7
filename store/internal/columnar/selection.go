package columnar

import "github.com/eventmetrics/eventmetrics/metrics"

// Count returns how many of the events that Next has not returned are selected. It
// reads all of them.
func (d *Decoder) Count(selected func(*metrics.Event) bool) (n int64) {
	for e := (metrics.Event{}); d.Next(&e); {
		if selected(&e) {
			n++
		}
	}
	return n
}

// AppendOthers appends the events that d.Next has not returned and that are not
// selected. It reads all of them. Those of one block have room in an empty Buffer.
func (b *Buffer) AppendOthers(d *Decoder, selected func(*metrics.Event) bool) {
	for e := (metrics.Event{}); d.Next(&e); {
		if !selected(&e) {
			b.Append(&e)
		}
	}
}
