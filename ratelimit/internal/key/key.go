// Package key bounds the keys of limiters.
package key

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxLen is the length of the longest key that is kept as it is, in bytes.
const maxLen = 64

// Short returns a key of bounded length: the key itself, or a hash of a long
// one. No short key looks like a hash, which has more than maxLen bytes.
func Short(key string) string {
	if len(key) <= maxLen {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}
