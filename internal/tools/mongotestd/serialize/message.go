package serialize

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

const (
	headerSize = 16
	maxSize    = 48_000_000 // of a message, as servers announce it

	opMsg          = 2013
	flagMoreToCome = 1 << 1

	kindBody     = 0
	kindSequence = 1

	keptSize = 1 << 20 // of the buffer of a connection at rest
)

// message is one message of the wire protocol, header and all. It is read into
// the same memory again and again.
type message struct{ bytes []byte }

func (m *message) readFrom(r io.Reader) error {
	if cap(m.bytes) > keptSize {
		m.bytes = nil
	}
	m.bytes = slices.Grow(m.bytes[:0], headerSize)[:headerSize]
	if _, err := io.ReadFull(r, m.bytes); err != nil {
		return err
	}
	size := int(int32(binary.LittleEndian.Uint32(m.bytes)))
	if size < headerSize || size > maxSize {
		return fmt.Errorf("serialize: message of %d bytes", size)
	}
	m.bytes = slices.Grow(m.bytes, size-headerSize)[:size]
	_, err := io.ReadFull(r, m.bytes[headerSize:])
	return err
}

// body returns what follows the flags of an OP_MSG. There is none in the
// OP_QUERY that older handshakes use.
func (m *message) body() (flags uint32, sections []byte) {
	if len(m.bytes) < headerSize+4 || binary.LittleEndian.Uint32(m.bytes[12:]) != opMsg {
		return 0, nil
	}
	return binary.LittleEndian.Uint32(m.bytes[headerSize:]), m.bytes[headerSize+4:]
}

func (m *message) moreToCome() bool {
	flags, _ := m.body()
	return flags&flagMoreToCome != 0
}

// isWrite tells whether the command changes data or collections.
func (m *message) isWrite() bool {
	switch m.command() {
	case "insert", "update", "delete", "findAndModify", "findandmodify",
		"create", "createIndexes", "drop", "dropDatabase", "dropIndexes",
		"renameCollection", "collMod", "compact":
		return true
	}
	return false
}

// command returns the first key of the body document, which names the command,
// or "" when there is none.
func (m *message) command() string {
	_, rest := m.body()
	for len(rest) > 5 {
		kind, size := rest[0], int64(binary.LittleEndian.Uint32(rest[1:]))
		switch {
		case kind == kindBody && len(rest) > 6:
			key, _, _ := bytes.Cut(rest[6:], []byte{0}) // after the size and the type of the first value
			return string(key)
		case kind == kindSequence && size >= 4 && size < int64(len(rest)):
			rest = rest[1+size:]
		default:
			return ""
		}
	}
	return ""
}
