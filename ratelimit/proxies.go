package ratelimit

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ParseProxies reads a comma-separated list of trusted proxies for
// [NewClientIP]. An entry is an address (127.0.0.1), a prefix (10.0.0.0/8), or a
// word: loopback means 127.0.0.0/8 and ::1, private means the networks of RFC
// 1918 and fc00::/7. Spaces and empty entries are ignored; an empty text is an
// empty list. The error names all invalid entries. The prefixes 0.0.0.0/0 and
// ::/0 are invalid, since they would trust addresses that clients make up.
func ParseProxies(text string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var errs []error
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		p, err := parseProxy(entry)
		if err != nil {
			errs = append(errs, fmt.Errorf("ratelimit: trusted proxy %q: %w", entry, err))
		}
		prefixes = append(prefixes, p...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return prefixes, nil
}

func parseProxy(entry string) ([]netip.Prefix, error) {
	switch strings.ToLower(entry) {
	case "loopback":
		return prefixes("127.0.0.0/8", "::1/128"), nil
	case "private":
		return prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"), nil
	}
	if addr, err := netip.ParseAddr(entry); err == nil {
		addr = plain(addr)
		return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(entry)
	if err != nil {
		return nil, errors.New("not an address, a prefix, loopback or private")
	}
	if p = unmapPrefix(p); p.Bits() == 0 {
		return nil, errors.New("trusts every client")
	}
	return []netip.Prefix{p}, nil
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// unmapPrefix returns the IPv4 prefix of an IPv4-mapped one, since addresses are
// compared unmapped.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}
