package ratelimittest

import (
	"fmt"
	"strings"
)

func countsKeysApart(e *env) error {
	const limit = 3
	l := e.h.Open(e.TB, limit, long)
	if _, err := e.admitted(l, "203.0.113.1", limit+5); err != nil {
		return err
	}
	for _, key := range []string{"203.0.113.2", "203.0.113.10", "2001:db8::/64"} {
		allowed, err := e.admitted(l, key, limit+1)
		if err != nil {
			return err
		}
		if allowed != limit {
			return fmt.Errorf("key %q was admitted %d times beside a key that used up its window, want %d", key, allowed, limit)
		}
	}
	return nil
}

// oddKeys differ from each other, some only in what a careless limiter drops.
func oddKeys() []string {
	kib := strings.Repeat("k", 1023)
	return []string{
		"",
		" ", "  ", "a", " a", "a ", "a b", "A",
		":", "a:", ":a", "a:b", "a::b",
		"\x00", "a\x00", "a\x00b", "\n", "a\n", "\r\n", "\t",
		"é", "e\u0301", "日本語", "🙂", "\u200b", "\xff", "\xff\xfe", "\ufffd",
		"*", "?", "[a]", "{a}", "{b}", "%s", "%00", "$x", "a.b", "../a", "constructor", "__proto__",
		kib, kib + "a", kib + "b", "a" + kib,
	}
}

func takesOddKeys(e *env) error {
	l := e.h.Open(e.TB, 1, long)
	for _, allowed := range []bool{true, false} {
		for _, key := range oddKeys() {
			d, err := l.Allow(e.ctx, key)
			if err != nil {
				return fmt.Errorf("a key may be any string: %.40q (%d bytes): %w", key, len(key), err)
			}
			if d.Allowed != allowed {
				return fmt.Errorf("a key is like no other: %.40q (%d bytes) has allowed %v, want %v", key, len(key), d.Allowed, allowed)
			}
		}
	}
	return nil
}
