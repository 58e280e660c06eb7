package ratelimit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// noAddress is the key of all peers without an IP address.
const noAddress = "local"

// ClientIP finds the IP address of the client of a request, for use as the key
// of a [Limiter]. It is immutable and safe for concurrent use. The zero value
// and nil trust no proxy.
type ClientIP struct {
	trusted []netip.Prefix
}

// NewClientIP returns a ClientIP that uses the X-Forwarded-For header of peers in
// the trusted prefixes only. List exactly the proxies that append to that header:
// a client in a trusted prefix can choose its own key. The slice is copied.
// Invalid prefixes match nothing. [ParseProxies] reads prefixes from text.
func NewClientIP(trusted []netip.Prefix) *ClientIP {
	c := &ClientIP{trusted: slices.Clone(trusted)}
	for i, p := range c.trusted {
		c.trusted[i] = unmapPrefix(p)
	}
	return c
}

// Key returns the address of the client that sent r, as text of at most 43
// bytes.
//
// The client is the peer (r.RemoteAddr), unless the peer is a trusted proxy.
// Then Key reads the entries of X-Forwarded-For from right to left, with several
// header lines joined in order. The first entry that is not a trusted proxy is
// the client. An entry that is not an address, with or without a port, ends the
// reading: nothing to the left of it is reliable, so the client is the address
// read before it. Key ignores the headers Forwarded and X-Real-IP, since a proxy
// that does not know a header passes on what the client wrote.
//
// The key of an IPv4 address is the address, also if it is written as
// IPv4-mapped IPv6. The key of an IPv6 address is its /64 prefix, which is what
// one customer usually gets. Zones are ignored. All peers without an IP address,
// such as those of a Unix socket, have one key, and their headers are ignored.
func (c *ClientIP) Key(r *http.Request) string {
	peer, ok := parseHop(r.RemoteAddr)
	if !ok {
		return noAddress
	}
	if !c.trusts(peer) {
		return key(peer)
	}
	return key(c.client(peer, r.Header.Values("X-Forwarded-For")))
}

// IsLocal reports whether r comes from a program on this machine and no proxy has
// passed it on: the peer has a loopback address that is not trusted as a proxy, or
// none, and there is no header by which proxies name their client. A proxy on this
// machine that adds no such header is not noticed.
func (c *ClientIP) IsLocal(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	peer, ok := parseHop(r.RemoteAddr)
	return !ok || peer.IsLoopback() && !c.trusts(peer)
}

// IsTLS reports whether the client that sent r uses TLS: with this server, or with
// a trusted proxy that says so in X-Forwarded-Proto.
func (c *ClientIP) IsTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, ok := parseHop(r.RemoteAddr)
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return ok && c.trusts(peer) && strings.EqualFold(strings.TrimSpace(proto), "https")
}

// client returns the client, starting from the trusted proxy last.
func (c *ClientIP) client(last netip.Addr, lines []string) netip.Addr {
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var hop string
			line, hop, more = cutLast(line)
			addr, ok := parseHop(hop)
			if !ok {
				return last
			}
			if last = addr; !c.trusts(addr) {
				return last
			}
		}
	}
	return last
}

func (c *ClientIP) trusts(addr netip.Addr) bool {
	if c == nil {
		return false
	}
	return slices.ContainsFunc(c.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
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
