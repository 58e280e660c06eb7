package metrics

import "testing"

func TestHash64IsXXH64(t *testing.T) {
	// Published vectors of the reference implementation, seed 0.
	for in, want := range map[string]uint64{
		"":    0xef46db3751d8e999,
		"a":   0xd24ec4f1a98c6e5b,
		"abc": 0x44bc2cf5ad770999,
		"Nobody inspects the spammish repetition": 0xfbcea83c8a378bf1,
	} {
		if got := hash64(in); got != want {
			t.Errorf("hash64(%q) = %x, want %x", in, got, want)
		}
	}
}
