package mongostore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// rowDigits is the length of the row in an event's _id, in hexadecimal.
const rowDigits = 16

// appendEventKey appends the _id of an event: batch/row. Ascending keys are
// ascending rows, and known before the insert.
func appendEventKey(b []byte, batch string, row int64) []byte {
	const digits = "0123456789abcdef"
	b = append(b, batch...)
	b = append(b, '/')
	for shift := 4 * (rowDigits - 1); shift >= 0; shift -= 4 {
		b = append(b, digits[uint64(row)>>shift&15])
	}
	return b
}

// eventKey returns the _id of an event.
func eventKey(batch string, row int64) string { return string(appendEventKey(nil, batch, row)) }

// rowOf returns the row in the _id of an event.
func rowOf(key string) (int64, error) {
	row, err := strconv.ParseUint(key[strings.LastIndexByte(key, '/')+1:], 16, 64)
	if err != nil {
		return 0, errEventDocument
	}
	return int64(row), nil
}

// eventRange selects the keys of a batch's events from a row on.
func eventRange(batch string, from int64) bson.D {
	return eq("$gte", eventKey(batch, from), "$lt", batch+"0") // what follows the slash
}

// eventEncoder encodes the events of one batch as documents. It is not safe for
// concurrent use.
type eventEncoder struct {
	batch string
	names names
	key   []byte
}

// append appends the document of an event. A non-empty eventID takes the place
// of the event's own id, which an earlier row has.
func (w *eventEncoder) append(b []byte, e *metrics.Event, eventID string) []byte {
	w.key = appendEventKey(w.key[:0], w.batch, e.Row)
	b, start := openDoc(b)
	b = appendText(appendKey(b, bson.TypeString, "_id"), string(w.key))
	b = appendString(b, "batch_id", w.batch)
	row := strconv.FormatInt(e.Row, 10)
	own := e.ID
	switch {
	case eventID != "":
	case own == "":
		eventID = row
	default:
		eventID = own
	}
	b = appendString(b, "event_id", eventID)
	b = appendString(b, "event_type", e.Type)
	b = appendDate(b, "timestamp", e.Time.UnixMilli())
	w.names.reset()
	for i := range e.Fields {
		b = appendString(b, w.names.member(e.Fields[i].Name), e.Fields[i].Value)
	}
	if (own == "") != (eventID == row) || own != "" && own != eventID {
		b = appendString(b, memberID, own)
	}
	if nanos := e.Time.Nanosecond() % int(time.Millisecond); nanos != 0 {
		b = appendInt64(b, memberNanos, int64(nanos))
	}
	return closeDoc(b, start)
}

var errEventDocument = fmt.Errorf("%w: document of an event was not written by this package", metrics.ErrCorrupt)

// decodeEvent reads a document. The fields are appended to fields.
func decodeEvent(doc bson.Raw, fields []metrics.Field) (metrics.Event, error) {
	var e metrics.Event
	var milliseconds, nanos int64
	var eventID string
	other := false
	key := ""
	ok := members(string(doc), func(m member) bool { // one copy; the strings are substrings of it
		switch m.key {
		case "_id":
			key = m.text
		case "batch_id":
		case "event_id":
			eventID = m.text
		case "event_type":
			e.Type = m.text
		case "timestamp":
			milliseconds = m.whole
		case memberID:
			e.ID, other = m.text, true
		case memberNanos:
			nanos = m.whole
		default:
			fields = append(fields, metrics.Field{Name: column(m.key), Value: m.text})
		}
		return true
	})
	row, err := rowOf(key)
	if !ok || err != nil {
		return e, errEventDocument
	}
	e.Row = row
	if !other && eventID != strconv.FormatInt(e.Row, 10) {
		e.ID = eventID
	}
	e.Time = time.UnixMilli(milliseconds).Add(time.Duration(nanos)).UTC()
	e.Fields = fields
	return e, nil
}
