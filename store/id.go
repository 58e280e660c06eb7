package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// NewID returns a UUIDv7 (RFC 9562, section 5.7) as text. Ids that are made later
// sort after ids that are made earlier, to the millisecond.
func NewID(now time.Time) string {
	var u [16]byte
	_, _ = rand.Read(u[6:]) // never fails, says its documentation
	binary.BigEndian.PutUint32(u[0:], uint32(now.UnixMilli()>>16))
	binary.BigEndian.PutUint16(u[4:], uint16(now.UnixMilli()))
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	text := hex.AppendEncode(nil, u[:])
	return string(text[:8]) + "-" + string(text[8:12]) + "-" + string(text[12:16]) + "-" +
		string(text[16:20]) + "-" + string(text[20:])
}

// IDTime returns the time of an id that [NewID] has made, to the millisecond. It
// reports false for a text that does not begin as such an id.
func IDTime(id string) (time.Time, bool) {
	const digits = len("01955193-eda0")
	if len(id) < digits || id[8] != '-' {
		return time.Time{}, false
	}
	ms, err := strconv.ParseUint(id[:8]+id[9:digits], 16, 64)
	return time.UnixMilli(int64(ms)).UTC(), err == nil
}
