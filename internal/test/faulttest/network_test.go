package faulttest_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// network is what lies between the server and one backend.
type network struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// attributes are the settings of a toxic by name.
type attributes map[string]int64

const (
	requests = "upstream"   // from the server to the backend
	replies  = "downstream" // and back
)

func newNetwork(t *testing.T, upstream string) *network {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n := &network{t: t, proxy: toxiproxy.NewProxy(server, upstream, "127.0.0.1:0", upstream)}
	if err := n.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.proxy.Stop)
	return n
}

// before puts a network before the server that a URI names and returns the URI
// that leads through it.
func before(t *testing.T, uri, parameters string) (*network, string) {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.User != nil || u.Port() == "" || strings.Contains(u.Host, ",") || u.RawQuery != "" {
		t.Skip("the network can only lead to one plain server without a password")
	}
	n := newNetwork(t, u.Host)
	u.Host, u.RawQuery = n.proxy.Listen, parameters
	return n, u.String()
}

// poison adds a fault to the connections that there are and to new ones.
func (n *network) poison(kind, stream string, with attributes) {
	n.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "stream": stream, "attributes": with})
	if err != nil {
		n.t.Fatal(err)
	}
	n.bounded(kind, func() {
		if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
			n.t.Error(err)
		}
	})
}

// heal ends all faults but down.
func (n *network) heal() {
	n.t.Helper()
	n.bounded("heal", func() { n.proxy.Toxics.ResetToxics(n.t.Context()) })
}

// bounded keeps a proxy that is stuck from holding the test.
func (n *network) bounded(what string, f func()) {
	n.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		n.t.Fatalf("the proxy is stuck in %s", what)
	}
}

// down cuts all connections and refuses new ones.
func (n *network) down() { n.proxy.Stop() }

func (n *network) up() {
	n.t.Helper()
	if err := n.proxy.Start(); err != nil {
		n.t.Fatal(err)
	}
}
