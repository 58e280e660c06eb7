package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// server checks the address of the API: free, or a server of ours that is
// ready.
func (c *checkup) server(ctx context.Context) {
	const check = "server"
	taken, err := inUse(ctx, c.Address)
	if err != nil {
		c.say(Fail, check, "cannot listen on %s: %v: change HOST or PORT", c.Address, err)
		return
	}
	if !taken {
		if c.locked {
			c.say(Fail, check, "the one that has DATA_DIR does not listen on %s: give HOST and PORT as it has them, or stop it", c.Address)
			return
		}
		c.say(OK, check, "%s is free", c.Address)
		return
	}
	var health struct {
		Status string
		Uptime float64
	}
	status, body, err := c.get(ctx, "/health")
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &health) != nil || health.Status != "ok" {
		c.say(Fail, check, "%s is in use by another program: stop that or change PORT", c.Address)
		return
	}
	if c.embedded() && !c.locked {
		c.say(Fail, check, "%s is in use by a server with another DATA_DIR: change PORT or stop that", c.Address)
		return
	}
	up := time.Duration(health.Uptime * float64(time.Second)).Round(time.Second)
	c.ready(ctx, check, up)
}

// ready asks a running server what it thinks of itself.
func (c *checkup) ready(ctx context.Context, check string, up time.Duration) {
	status, body, err := c.get(ctx, "/readyz")
	switch {
	case err != nil:
		c.say(Fail, check, "it does not answer: %v: see its log", err)
		return
	case status != http.StatusOK:
		var problem struct{ Detail string }
		_ = json.Unmarshal(body, &problem) // the status says enough
		c.say(Fail, check, "it runs but is not ready (%d %s): see its log", status, problem.Detail)
		return
	}
	c.say(OK, check, "it has run on %s for %v, and its store and queue answer", c.Address, up)
	if c.Token == "" || c.RedisURL != "" {
		return // or the dead letters have been counted
	}
	status, body, err = c.get(ctx, "/admin/queues/event-processing/dlq?limit=1")
	var dead struct {
		Count int64 `json:"failed_count"`
	}
	switch {
	case err == nil && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		c.say(Warn, check, "it has another ADMIN_TOKEN than this configuration")
	case err == nil && json.Unmarshal(body, &dead) == nil && dead.Count > 0:
		c.dead(dead.Count)
	}
}

// get asks the server at Address.
func (c *checkup) get(ctx context.Context, path string) (int, []byte, error) {
	return get(ctx, "http://"+reachable(c.Address)+path, c.Token)
}

// operators checks the address for operators.
func (c *checkup) operators(ctx context.Context) {
	const check = "operators"
	if c.OpsAddress == "" {
		c.say(OK, check, "no address for them: OPS_ADDR is off")
		return
	}
	taken, err := inUse(ctx, c.OpsAddress)
	switch {
	case err != nil:
		c.say(Fail, check, "cannot listen on %s: %v: change OPS_ADDR", c.OpsAddress, err)
	case !taken:
		c.say(OK, check, "%s is free", c.OpsAddress)
	default:
		status, body, err := get(ctx, "http://"+reachable(c.OpsAddress)+"/metrics", "")
		if err != nil || status != http.StatusOK || !bytes.Contains(body, []byte("eventmetrics_")) {
			c.say(Fail, check, "%s is in use by another program: stop that or change OPS_ADDR", c.OpsAddress)
			return
		}
		c.say(OK, check, "a server answers on %s", c.OpsAddress)
	}
}

// inUse tries to listen for a moment.
func inUse(ctx context.Context, address string) (bool, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, l.Close()
}

// reachable turns an address that means all addresses into one of them.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// get returns the status and the beginning of an answer.
func get(ctx context.Context, url, token string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultTransport.RoundTrip(req) // no redirects
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, body, err
}
