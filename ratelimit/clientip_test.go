package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

func ExampleClientIP_Key() {
	trusted, err := ratelimit.ParseProxies("10.0.0.0/8, loopback")
	if err != nil {
		panic(err)
	}
	clients := ratelimit.NewClientIP(trusted)

	r := &http.Request{RemoteAddr: "10.0.0.7:41234", Header: http.Header{}}
	r.Header.Set("X-Forwarded-For", "1.1.1.1, 198.51.100.20, 10.0.0.9") // the first entry is the client's own lie
	fmt.Println(clients.Key(r))

	r.RemoteAddr = "203.0.113.5:9999" // not a proxy of ours
	fmt.Println(clients.Key(r))

	r.RemoteAddr = "[2001:db8:1:2:3:4:5:6]:9999"
	fmt.Println(clients.Key(r))
	// Output:
	// 198.51.100.20
	// 203.0.113.5
	// 2001:db8:1:2::/64
}

func TestIsLocal(t *testing.T) {
	for _, tt := range []struct {
		peer   string
		header []string
		want   bool
	}{
		{"127.0.0.1:40000", nil, true},
		{"127.1.2.3:40000", nil, true},
		{"[::1]:40000", nil, true},
		{"[::ffff:127.0.0.1]:40000", nil, true},
		{"@", nil, true}, // a Unix socket
		{"192.0.2.1:40000", nil, false},
		{"10.0.0.1:40000", nil, false},
		{"[2001:db8::1]:40000", nil, false},
		{"127.0.0.1:40000", []string{"X-Forwarded-For", "127.0.0.1"}, false},
		{"127.0.0.1:40000", []string{"X-Forwarded-For", ""}, false},
		{"127.0.0.1:40000", []string{"X-Real-IP", "192.0.2.1"}, false},
		{"127.0.0.1:40000", []string{"Forwarded", "for=192.0.2.1"}, false},
		{"127.0.0.1:40000", []string{"Via", "1.1 proxy"}, false},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
		if tt.header != nil {
			r.Header.Set(tt.header[0], tt.header[1])
		}
		if got := (*ratelimit.ClientIP)(nil).IsLocal(r); got != tt.want {
			t.Errorf("peer %s with %q: %v, want %v", tt.peer, tt.header, got, tt.want)
		}
	}
}

func TestKey(t *testing.T) {
	tests := []struct {
		name   string
		remote string
		xff    []string
		want   string
	}{
		{"an untrusted peer is the client", "203.0.113.5:80", nil, "203.0.113.5"},
		{"an untrusted peer does not choose its key", "203.0.113.5:80", []string{"1.1.1.1"}, "203.0.113.5"},
		{"a trusted peer without the header is the client", "10.0.0.1:80", nil, "10.0.0.1"},
		{"a trusted peer with an empty header is the client", "10.0.0.1:80", []string{""}, "10.0.0.1"},
		{"the rightmost entry is the client", "10.0.0.1:80", []string{"1.1.1.1, 2.2.2.2"}, "2.2.2.2"},
		{"trusted entries are skipped", "10.0.0.1:80", []string{"1.1.1.1, 2.2.2.2, 10.0.0.2,10.0.0.3"}, "2.2.2.2"},
		{"the leftmost counts if all are trusted", "10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"header lines are joined in order", "10.0.0.1:80", []string{"1.1.1.1", "2.2.2.2, 10.0.0.2", "10.0.0.3"}, "2.2.2.2"},
		{"garbage as the first entry read leaves the peer", "10.0.0.1:80", []string{"2.2.2.2, unknown"}, "10.0.0.1"},
		{"garbage ends the reading at the last good entry", "10.0.0.1:80", []string{"2.2.2.2, junk, 10.0.0.2"}, "10.0.0.2"},
		{"an empty entry is garbage", "10.0.0.1:80", []string{"2.2.2.2,, 10.0.0.2"}, "10.0.0.2"},
		{"garbage in an earlier line is garbage", "10.0.0.1:80", []string{"2.2.2.2,", "10.0.0.2"}, "10.0.0.2"},
		{"garbage left of the client does not matter", "10.0.0.1:80", []string{"junk, 2.2.2.2"}, "2.2.2.2"},
		{"a name is garbage", "10.0.0.1:80", []string{"example.org"}, "10.0.0.1"},
		{"ports are dropped", "10.0.0.1:80", []string{"2.2.2.2:1234"}, "2.2.2.2"},
		{"a bad port is garbage", "10.0.0.1:80", []string{"2.2.2.2:99999"}, "10.0.0.1"},
		{"spaces and tabs do not matter", "10.0.0.1:80", []string{"1.1.1.1,\t 2.2.2.2 \t"}, "2.2.2.2"},
		{"IPv6 entries may be bare", "10.0.0.1:80", []string{"2001:db8::1"}, "2001:db8::/64"},
		{"IPv6 entries may have brackets", "10.0.0.1:80", []string{"[2001:db8::1]"}, "2001:db8::/64"},
		{"IPv6 entries may have a port", "10.0.0.1:80", []string{"[2001:db8::1]:80"}, "2001:db8::/64"},
		{"an open bracket is garbage", "10.0.0.1:80", []string{"[2001:db8::1"}, "10.0.0.1"},
		{"IPv4 in brackets is garbage", "10.0.0.1:80", []string{"[2.2.2.2]"}, "10.0.0.1"},
		{"IPv6 stands for its /64", "[2001:db8:a:b:1:2:3:4]:80", nil, "2001:db8:a:b::/64"},
		{"mapped IPv4 is IPv4", "[::ffff:203.0.113.5]:80", nil, "203.0.113.5"},
		{"a mapped proxy is trusted", "[::ffff:10.0.0.1]:80", []string{"2.2.2.2"}, "2.2.2.2"},
		{"a mapped proxy in the header is trusted", "10.0.0.1:80", []string{"2.2.2.2, ::ffff:10.0.0.2"}, "2.2.2.2"},
		{"an IPv6 proxy is trusted", "[fd00::1]:80", []string{"2.2.2.2"}, "2.2.2.2"},
		{"zones are dropped", "[fe80::1%eth0]:80", nil, "fe80::/64"},
		{"a zone does not hide a proxy", "[fd00::1%eth0]:80", []string{"2.2.2.2"}, "2.2.2.2"},
		{"a remote address without a port counts", "203.0.113.5", nil, "203.0.113.5"},
		{"the peer of a Unix socket has the common key", "@", []string{"2.2.2.2"}, "local"},
		{"the path of a Unix socket has the common key", "/run/app.sock", nil, "local"},
		{"no remote address has the common key", "", []string{"2.2.2.2"}, "local"},
	}
	clients := ratelimit.NewClientIP([]netip.Prefix{
		netip.MustParsePrefix("::ffff:10.0.0.0/104"), // IPv4-mapped
		netip.MustParsePrefix("fd00::/8"),
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clients.Key(request(tt.remote, tt.xff...)); got != tt.want {
				t.Errorf("Key = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOtherHeadersAreIgnored(t *testing.T) {
	clients := ratelimit.NewClientIP([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	r := request("10.0.0.1:80")
	for _, name := range []string{"Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
		r.Header.Set(name, "2.2.2.2")
	}
	r.Header.Set("Forwarded", "for=2.2.2.2")
	if got := clients.Key(r); got != "10.0.0.1" {
		t.Errorf("Key = %q, want the peer", got)
	}
}

func TestClientIPsThatTrustNoProxy(t *testing.T) {
	for name, clients := range map[string]*ratelimit.ClientIP{
		"nil":               nil,
		"the zero value":    {},
		"no prefix":         ratelimit.NewClientIP(nil),
		"an invalid prefix": ratelimit.NewClientIP([]netip.Prefix{{}}),
	} {
		t.Run(name, func(t *testing.T) {
			if got := clients.Key(request("127.0.0.1:80", "2.2.2.2")); got != "127.0.0.1" {
				t.Errorf("Key = %q, want the peer", got)
			}
		})
	}
}

func TestNewClientIPCopiesItsPrefixes(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	clients := ratelimit.NewClientIP(trusted)
	trusted[0] = netip.MustParsePrefix("203.0.113.0/24")
	if got := clients.Key(request("203.0.113.5:80", "2.2.2.2")); got != "203.0.113.5" {
		t.Errorf("Key = %q, want the peer", got)
	}
}

func FuzzKey(f *testing.F) {
	f.Add("203.0.113.5:80", "1.1.1.1", "10.0.0.2")
	f.Add("10.0.0.1:80", "1.1.1.1, [::1%z]:8", ",,\x00, 2.2.2.2:5")
	f.Add("@", "unix:", "::ffff:10.0.0.1")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	clients, untrusting := ratelimit.NewClientIP(trusted), ratelimit.NewClientIP(nil)
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		got := clients.Key(request(remote, first, second))
		if !isKey(got) {
			t.Fatalf("Key = %q, neither an address nor a /64 nor local", got)
		}
		peer := untrusting.Key(request(remote))
		if !trustedKey(trusted, peer) && got != peer {
			t.Fatalf("an untrusted peer %q chose the key %q", peer, got)
		}
		// What an honest proxy appends decides, whatever the client sent.
		for _, lines := range [][]string{{first + ", 198.51.100.7"}, {first, second, "198.51.100.7, 10.9.9.9"}} {
			if got := clients.Key(request("10.0.0.1:80", lines...)); got != "198.51.100.7" {
				t.Fatalf("behind a proxy that appends, the client chose the key %q", got)
			}
		}
	})
}

func isKey(key string) bool {
	if len(key) > 43 {
		return false
	}
	if addr, err := netip.ParseAddr(key); err == nil {
		return addr.Is4()
	}
	p, err := netip.ParsePrefix(key)
	return key == "local" || err == nil && p.Addr().Is6() && p.Bits() == 64 && p.Masked() == p
}

func trustedKey(trusted []netip.Prefix, key string) bool {
	addr, err := netip.ParseAddr(strings.TrimSuffix(key, "/64"))
	for _, p := range trusted {
		if err == nil && p.Contains(addr) {
			return true
		}
	}
	return false
}

func request(remote string, xff ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
	for _, line := range xff {
		r.Header.Add("X-Forwarded-For", line)
	}
	return r
}

func BenchmarkKey(b *testing.B) {
	trusted, err := ratelimit.ParseProxies("loopback, private")
	if err != nil {
		b.Fatal(err)
	}
	clients := ratelimit.NewClientIP(trusted)
	r := request("10.0.0.1:80", "1.1.1.1, 198.51.100.7", "10.0.0.2")
	b.ReportAllocs()
	for b.Loop() {
		clients.Key(r)
	}
}
