package mongostore

import (
	"encoding/binary"
	"math"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The documents of events are encoded and decoded byte by byte (bsonspec.org).
// There are millions of them, and the way through structs costs ten times as
// much.

// openDoc begins a document. It returns the start of it, for closeDoc.
func openDoc(b []byte) ([]byte, int) { return append(b, 0, 0, 0, 0), len(b) }

// closeDoc ends the document that began at start.
func closeDoc(b []byte, start int) []byte {
	b = append(b, 0)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

func appendKey(b []byte, kind bson.Type, key string) []byte {
	b = append(b, byte(kind))
	b = append(b, key...)
	return append(b, 0)
}

func appendString(b []byte, key, value string) []byte {
	return appendText(appendKey(b, bson.TypeString, key), value)
}

// appendText appends the value of a string.
func appendText(b []byte, value string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)+1))
	b = append(b, value...)
	return append(b, 0)
}

func appendBinary(b []byte, key string, data []byte) []byte {
	b = binary.LittleEndian.AppendUint32(appendKey(b, bson.TypeBinary, key), uint32(len(data)))
	return append(append(b, bson.TypeBinaryGeneric), data...)
}

func appendInt64(b []byte, key string, value int64) []byte {
	return binary.LittleEndian.AppendUint64(appendKey(b, bson.TypeInt64, key), uint64(value))
}

func appendDate(b []byte, key string, milliseconds int64) []byte {
	return binary.LittleEndian.AppendUint64(appendKey(b, bson.TypeDateTime, key), uint64(milliseconds))
}

// member is one element of a document.
type member struct {
	kind  bson.Type
	key   string
	text  string // of a string
	whole int64  // of an integer or date
}

// members calls use with the strings, integers and dates of the document in s, in
// order. It returns false if it meets another type or an error, or use returns
// false.
func members(s string, use func(member) bool) bool {
	if len(s) < 5 {
		return false
	}
	s = s[4 : len(s)-1]
	for len(s) > 0 {
		m := member{kind: bson.Type(s[0])}
		end := strings.IndexByte(s[1:], 0)
		if end < 0 {
			return false
		}
		m.key, s = s[1:1+end], s[2+end:]
		n := m.read(s)
		if n < 0 || !use(m) {
			return false
		}
		s = s[n:]
	}
	return true
}

// read decodes the value at the start of s. It returns its length, or -1 if it
// cannot.
func (m *member) read(s string) int {
	switch m.kind {
	case bson.TypeString:
		if len(s) < 5 {
			return -1
		}
		n := uint32At(s)
		if n == 0 || n > math.MaxInt32 || int(n) > len(s)-4 {
			return -1
		}
		m.text = s[4 : 3+n]
		return 4 + int(n)
	case bson.TypeInt32:
		if len(s) < 4 {
			return -1
		}
		m.whole = int64(int32(uint32At(s)))
		return 4
	case bson.TypeInt64, bson.TypeDateTime:
		if len(s) < 8 {
			return -1
		}
		m.whole = int64(uint64(uint32At(s)) | uint64(uint32At(s[4:]))<<32)
		return 8
	}
	return -1
}

func uint32At(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
