package ratelimit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// noAddress is the key of every peer without an IP address.
const noAddress = "local"

// Source finds out who sent a request, for use as the key of a [Limiter]. It
// is immutable and safe for concurrent use. The zero value and nil trust no
// proxy.
type ClientIP struct {
	trusted []netip.Prefix
}

// NewSource returns a Source that believes the X-Forwarded-For header of peers
// in the trusted prefixes, and of nobody else. List exactly the proxies that
// append to that header: who trusts everybody lets every client choose its own
// key. The slice is copied. Invalid prefixes match nothing. [ParseProxies]
// reads the prefixes from configuration text.
func NewClientIP(trusted []netip.Prefix) *ClientIP {
	s := &ClientIP{trusted: slices.Clone(trusted)}
	for i, p := range s.trusted {
		s.trusted[i] = unmapPrefix(p)
	}
	return s
}

// Key returns the address of the client that sent r, as text of at most 43
// bytes.
//
// The client is the peer (r.RemoteAddr) unless that is a trusted proxy. Then
// the entries of X-Forwarded-For are read from right to left, several header
// lines joined in order, and the first one that is not a trusted proxy is the
// client. An entry that is not an address, with or without a port, ends the
// reading there: the last address before it counts, because nothing to the
// left of it can be believed. The standard Forwarded header and X-Real-IP are
// ignored: proxies that do not know a header pass on what the client wrote.
//
// An IPv4 address is a key of its own, also when written as IPv4-mapped IPv6.
// An IPv6 address stands for its /64, which is what one customer gets. Zones
// are dropped. All peers without an IP address, such as those of a Unix
// socket, have one key in common, and their headers are not believed.
func (s *ClientIP) Key(r *http.Request) string {
	peer, ok := parseHop(r.RemoteAddr)
	if !ok {
		return noAddress
	}
	if !s.trusts(peer) {
		return key(peer)
	}
	return key(s.client(peer, r.Header.Values("X-Forwarded-For")))
}

// client walks from the trusted proxy last towards the client.
func (s *ClientIP) client(last netip.Addr, lines []string) netip.Addr {
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var hop string
			line, hop, more = cutLast(line)
			addr, ok := parseHop(hop)
			if !ok {
				return last
			}
			if last = addr; !s.trusts(addr) {
				return last
			}
		}
	}
	return last
}

func (s *ClientIP) trusts(addr netip.Addr) bool {
	if s == nil {
		return false
	}
	return slices.ContainsFunc(s.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// cutLast splits list at its last comma.
func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// parseHop reads an address as peers and proxies write it: 192.0.2.1,
// 192.0.2.1:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(inner, ":") {
			return netip.Addr{}, false
		}
		text = inner
	}
	addr, err := netip.ParseAddr(text)
	return plain(addr), err == nil
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func key(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
