package redislimiter

import (
	"strings"
	"testing"
)

func TestShortenedKeysAreLikeNoOther(t *testing.T) {
	long := strings.Repeat("k", maxKey)
	keys := []string{long, long + "a", long + "b", strings.Repeat("k", 1<<20)}
	seen := map[string]bool{}
	for _, key := range keys {
		for range 2 {
			key = shorten(key)
			if len(key) > maxKey+10 {
				t.Errorf("a shortened key has %d bytes", len(key))
			}
			if len(key) > maxKey && seen[key] {
				t.Errorf("%q stands for two keys", key)
			}
			seen[key] = true
		}
	}
}
