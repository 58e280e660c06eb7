package mongostore

import "github.com/eventmetrics/eventmetrics/metrics"

// AppendDocuments appends the documents of events of a batch to b, as a Writer
// does.
func AppendDocuments(b []byte, batch string, events []metrics.Event) []byte {
	w := eventEncoder{batch: batch}
	for i := range events {
		b = w.append(b, &events[i], "")
	}
	return b
}
