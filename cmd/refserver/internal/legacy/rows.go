package legacy

import (
	"math"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// rows is a reader of event documents as lines of NDJSON.
type rows struct {
	next   func() (bson.Raw, error)
	close  func() error
	line   []byte
	unread []byte
}

// Read implements io.Reader.
func (r *rows) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.unread) == 0 {
			doc, err := r.next()
			if err != nil {
				if n > 0 {
					r.next = func() (bson.Raw, error) { return nil, err }
					return n, nil
				}
				return 0, err
			}
			r.line = appendEvent(r.line[:0], doc)
			r.unread = r.line
		}
		moved := copy(p[n:], r.unread)
		n, r.unread = n+moved, r.unread[moved:]
	}
	return n, nil
}

// Close implements io.Closer.
func (r *rows) Close() error { return r.close() }

// appendEvent appends the columns of an event that are imported.
func appendEvent(b []byte, doc bson.Raw) []byte {
	begin := byte('{')
	for _, name := range []string{"event_id", "candidate_id", "test_id", "event_type", "timestamp"} {
		value, err := doc.LookupErr(name)
		if err != nil || value.Type == bson.TypeNull || value.Type == bson.TypeUndefined {
			continue
		}
		b = append(b, begin, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = appendValue(b, value)
		begin = ','
	}
	if begin == '{' {
		b = append(b, '{')
	}
	return append(b, '}', '\n')
}

// appendValue appends a value in the form in which the original showed it.
// Documents and arrays become an object, for which the reader rejects the row.
func appendValue(b []byte, v bson.RawValue) []byte {
	switch v.Type {
	case bson.TypeString:
		return appendString(b, v.StringValue())
	case bson.TypeDateTime:
		return appendString(b, time.UnixMilli(v.DateTime()).UTC().Format("2006-01-02T15:04:05.000Z"))
	case bson.TypeInt32:
		return appendString(b, strconv.FormatInt(int64(v.Int32()), 10))
	case bson.TypeInt64:
		return appendString(b, strconv.FormatInt(v.Int64(), 10))
	case bson.TypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return appendString(b, strconv.FormatFloat(f, 'f', -1, 64))
		}
		return append(b, `"NaN"`...)
	case bson.TypeBoolean:
		return appendString(b, strconv.FormatBool(v.Boolean()))
	case bson.TypeObjectID:
		return appendString(b, v.ObjectID().Hex())
	case bson.TypeDecimal128:
		return appendString(b, v.Decimal128().String())
	default:
		return append(b, `{}`...)
	}
}

// appendString appends a JSON string with the bytes of s unchanged, even if they are
// not UTF-8: the reader reports that error.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
