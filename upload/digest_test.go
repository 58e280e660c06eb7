package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

func TestADigestIsTheSHA256OfAllThatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, want := newDigest(), sha256.New()
		defer d.close()
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 3*digestPiece), 0, 8).Draw(t, "sizes") {
			p := bytes.Repeat([]byte{byte(i), 'a', byte(n)}, n/3)
			want.Write(p)
			if m, err := d.Write(p); m != len(p) || err != nil {
				t.Fatalf("wrote %d of %d: %v", m, len(p), err)
			}
			clear(p) // it belongs to the caller again
		}
		if rapid.Bool().Draw(t, "aborted") {
			d.close()
			return
		}
		if got := d.hex(); got != hex.EncodeToString(want.Sum(nil)) {
			t.Fatalf("got %s", got)
		}
	})
}
