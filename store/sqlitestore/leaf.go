package sqlitestore

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
)

// printSize is the size of a fingerprint.
const fpSize = len(store.Fingerprint{})

// claim is a fingerprint with the number of the batch that has it, or had it
// before it was removed.
type claim struct {
	fp  store.Fingerprint
	seq int64
}

// leaf is a list of claims, ascending, as it is stored: the number of batches,
// their numbers, the fingerprints, and for each fingerprint the place of its
// batch among the numbers, in as few bytes as possible.
type leaf struct {
	seqs   []int64
	fps    []byte
	places []byte
	width  int // of a place, in bytes
}

func (l *leaf) len() int { return len(l.fps) / fpSize }

func (l *leaf) fp(i int) *store.Fingerprint {
	return (*store.Fingerprint)(l.fps[i*fpSize:])
}

// place returns the place of the batch of a fingerprint among the numbers.
func (l *leaf) place(i int) int {
	switch l.width {
	case 0:
		return 0
	case 1:
		return int(l.places[i])
	}
	return int(binary.LittleEndian.Uint16(l.places[2*i:]))
}

func (l *leaf) seq(i int) int64 { return l.seqs[l.place(i)] }

// find returns the place of a fingerprint, at or after from, or where it would
// be.
func (l *leaf) find(from int, p *store.Fingerprint) (int, bool) {
	low, step := from, 1 // it is mostly near
	for low+step <= l.len() && fingerprints.Compare(l.fp(low+step-1), p) < 0 {
		low, step = low+step, 2*step
	}
	high := min(low+step-1, l.len())
	i := low + sort.Search(high-low, func(i int) bool { return fingerprints.Compare(l.fp(low+i), p) >= 0 })
	return i, i < l.len() && *l.fp(i) == *p
}

// appendLeaf encodes claims: at least one, at most 65,535.
func appendLeaf(b []byte, claims []claim) []byte {
	places := map[int64]uint16{}
	var seqs []byte
	for i := range claims {
		if i > 0 && claims[i].seq == claims[i-1].seq {
			continue
		}
		if _, known := places[claims[i].seq]; !known {
			places[claims[i].seq] = uint16(len(places))
			seqs = binary.AppendUvarint(seqs, uint64(claims[i].seq))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(places)))
	b = append(b, seqs...)
	for i := range claims {
		b = append(b, claims[i].fp[:]...)
	}
	width := placeWidth(len(places))
	if width == 0 {
		return b
	}
	var place uint16
	for i := range claims {
		if i == 0 || claims[i].seq != claims[i-1].seq {
			place = places[claims[i].seq]
		}
		switch width {
		case 1:
			b = append(b, byte(place))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, place)
		}
	}
	return b
}

// placeWidth is the number of bytes that a place among n numbers takes.
func placeWidth(n int) int {
	switch {
	case n <= 1:
		return 0
	case n <= 1<<8:
		return 1
	}
	return 2
}

// decode reads a leaf. The leaf keeps data.
func (l *leaf) decode(data []byte) error {
	n, size := binary.Uvarint(data)
	if size <= 0 || n == 0 || n > 1<<16 {
		return fmt.Errorf("a leaf of fingerprints of %d batches", n)
	}
	data = data[size:]
	l.seqs = l.seqs[:0]
	for range n {
		seq, size := binary.Uvarint(data)
		if size <= 0 {
			return fmt.Errorf("a leaf of fingerprints ends among its batches")
		}
		l.seqs, data = append(l.seqs, int64(seq)), data[size:]
	}
	l.width = placeWidth(int(n))
	all := len(data) / (fpSize + l.width)
	l.fps, l.places = data[:all*fpSize], data[all*fpSize:]
	if all == 0 || len(l.places) != all*l.width {
		return fmt.Errorf("a leaf of %d fingerprints has %d bytes more", all, len(l.places)-all*l.width)
	}
	for i := range all {
		if l.width > 0 && l.place(i) >= len(l.seqs) {
			return fmt.Errorf("a fingerprint is of batch %d of %d", l.place(i), len(l.seqs))
		}
	}
	return nil
}
