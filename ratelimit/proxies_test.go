package ratelimit_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

func ExampleParseProxies() {
	trusted, err := ratelimit.ParseProxies("10.1.2.3/8, 192.0.2.1, loopback")
	fmt.Println(trusted, err)

	_, err = ratelimit.ParseProxies("10.0.0.0/33, proxy.example.org")
	fmt.Println(err)
	// Output:
	// [10.0.0.0/8 192.0.2.1/32 127.0.0.0/8 ::1/128] <nil>
	// ratelimit: trusted proxy "10.0.0.0/33": not an address, a prefix, loopback or private
	// ratelimit: trusted proxy "proxy.example.org": not an address, a prefix, loopback or private
}

func TestParseProxies(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"an empty text is an empty list", "", "[]"},
		{"empty entries do not matter", " , ,", "[]"},
		{"an address is itself", "127.0.0.1", "[127.0.0.1/32]"},
		{"an IPv6 address is itself", "2001:db8::1", "[2001:db8::1/128]"},
		{"a mapped address is IPv4", "::ffff:127.0.0.1", "[127.0.0.1/32]"},
		{"a mapped prefix is IPv4", "::ffff:10.0.0.0/104", "[10.0.0.0/8]"},
		{"a zone is dropped", "fe80::1%eth0", "[fe80::1/128]"},
		{"host bits are dropped", "10.1.2.3/8", "[10.0.0.0/8]"},
		{"words are read in any case", "Loopback,PRIVATE", "[127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7]"},
		{"the order is kept", "192.0.2.1, 10.0.0.0/8", "[192.0.2.1/32 10.0.0.0/8]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ratelimit.ParseProxies(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, fmt.Sprint(got)); diff != "" {
				t.Errorf("ParseProxies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseProxiesNamesEveryBadEntry(t *testing.T) {
	bad := []string{"10.0.0.0/33", "example.org", "0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "10.0.0.1:80", "[::1]", "10.0.0.0-10.0.0.9", "*", "10.0.0.1 10.0.0.2"}
	got, err := ratelimit.ParseProxies("loopback," + strings.Join(bad, ","))
	if err == nil || got != nil {
		t.Fatalf("ParseProxies = %v, %v, want an error and no prefix", got, err)
	}
	for _, entry := range bad {
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", entry)) {
			t.Errorf("the error does not name %q: %v", entry, err)
		}
	}
}

func FuzzParseProxies(f *testing.F) {
	f.Add("10.0.0.0/8, 127.0.0.1, loopback, private")
	f.Add("::/0,fe80::1%,/")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ratelimit.ParseProxies(text)
		if err != nil {
			return
		}
		for _, p := range got {
			if !p.IsValid() || p.Bits() == 0 || p != p.Masked() || p.Addr().Is4In6() && p.Bits() >= 96 {
				t.Errorf("%q gave the prefix %v", text, p)
			}
		}
		again, err := ratelimit.ParseProxies(join(got))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(got) {
			t.Errorf("%v read again is %v, %v", got, again, err)
		}
	})
}

func join(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}
