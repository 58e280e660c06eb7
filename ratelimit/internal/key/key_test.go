package key

import (
	"strings"
	"testing"
)

func TestShortKeysAreDistinct(t *testing.T) {
	long := strings.Repeat("k", maxLen)
	keys := []string{long, long + "a", long + "b", strings.Repeat("k", 1<<20)}
	seen := map[string]bool{}
	for _, key := range keys {
		for range 2 { // the second key is the first one shortened
			key = Short(key)
			if len(key) > maxLen+10 {
				t.Errorf("a short key has %d bytes", len(key))
			}
			if len(key) > maxLen && seen[key] {
				t.Errorf("%q stands for two keys", key)
			}
			seen[key] = true
		}
	}
}
