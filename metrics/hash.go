package metrics

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// The five primes of XXH64.
const (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
)

// hash64 is XXH64 with seed 0 (Yann Collet, "xxHash fast digest algorithm",
// format 0.1.1). Sketches that were stored by one version must merge with
// those of another, so the function is part of the format and never changes;
// hash/maphash promises no such thing.
func hash64(s string) uint64 {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	n := uint64(len(b))
	h := prime5
	if len(b) >= 32 {
		h, b = hashStripes(b)
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h ^= round(0, binary.LittleEndian.Uint64(b))
		h = bits.RotateLeft64(h, 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h ^= uint64(binary.LittleEndian.Uint32(b)) * prime1
		h = bits.RotateLeft64(h, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h ^= uint64(c) * prime5
		h = bits.RotateLeft64(h, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

// hashStripes consumes the part of a long input that is a multiple of 32
// bytes and returns the rest.
func hashStripes(b []byte) (uint64, []byte) {
	v1, v2, v3, v4 := prime1, prime2, uint64(0), uint64(0)
	v1 += prime2 // constants must not overflow, variables may
	v4 -= prime1
	for ; len(b) >= 32; b = b[32:] {
		v1 = round(v1, binary.LittleEndian.Uint64(b))
		v2 = round(v2, binary.LittleEndian.Uint64(b[8:]))
		v3 = round(v3, binary.LittleEndian.Uint64(b[16:]))
		v4 = round(v4, binary.LittleEndian.Uint64(b[24:]))
	}
	h := bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) +
		bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
	for _, v := range [...]uint64{v1, v2, v3, v4} {
		h = (h^round(0, v))*prime1 + prime4
	}
	return h, b
}

func round(acc, input uint64) uint64 {
	return bits.RotateLeft64(acc+input*prime2, 31) * prime1
}
