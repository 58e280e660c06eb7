package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/datadir"
)

// server checks that the address of the API is free, or used by our own server.
func (c *checkup) server(ctx context.Context) {
	const check = "server"
	taken, err := inUse(ctx, c.Address())
	if err != nil {
		c.say(Fail, check, "cannot listen on %s: %v: change HOST or PORT", c.Address(), err)
		return
	}
	if !taken {
		if c.locked {
			c.say(Fail, check, "a running server uses DATA_DIR but does not listen on %s: set HOST and PORT as it does, or stop it", c.Address())
			return
		}
		c.say(OK, check, "%s is free", c.Address())
		return
	}
	var health struct {
		Status string
		Uptime float64
	}
	status, body, err := c.get(ctx, "/health")
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &health) != nil || health.Status != "ok" {
		c.say(Fail, check, "%s is in use by another program: stop it or change PORT", c.Address())
		return
	}
	if c.Backends.Embedded() && !c.locked {
		c.say(Fail, check, "%s is in use by a server with another DATA_DIR: stop it or change PORT", c.Address())
		return
	}
	up := time.Duration(health.Uptime * float64(time.Second)).Round(time.Second)
	c.ready(ctx, check, up)
}

// ready asks a running server whether it is ready.
func (c *checkup) ready(ctx context.Context, check string, up time.Duration) {
	status, body, err := c.get(ctx, "/readyz")
	switch {
	case err != nil:
		c.say(Fail, check, "the running server does not answer: %v: see its log", err)
		return
	case status != http.StatusOK:
		var problem struct{ Detail string }
		_ = json.Unmarshal(body, &problem) // the status says enough
		c.say(Fail, check, "the running server is not ready (%d %s): see its log", status, problem.Detail)
		return
	}
	c.say(OK, check, "running on %s for %v; its store and queue are available", c.Address(), up)
	if c.API.Token == "" && c.Backends.Embedded() {
		c.API.Token, _ = datadir.Token(c.Backends.DataDir) // what it has generated
	}
	if c.API.Token == "" || c.Backends.RedisURL != "" {
		return // the check of Redis has counted the dead letters
	}
	status, body, err = c.get(ctx, "/admin/queues/event-processing/dlq?limit=1")
	var dead struct {
		Count int64 `json:"failed_count"`
	}
	switch {
	case err == nil && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		c.say(Warn, check, "the running server has another ADMIN_TOKEN than this configuration")
	case err == nil && json.Unmarshal(body, &dead) == nil && dead.Count > 0:
		c.dead(dead.Count)
	}
}

// get requests a path of the API.
func (c *checkup) get(ctx context.Context, path string) (int, []byte, error) {
	return get(ctx, "http://"+config.LocalAddress(c.Address())+path, c.API.Token)
}

// operators checks the address of metrics and profiles.
func (c *checkup) operators(ctx context.Context) {
	const check = "operators"
	if c.OpsAddr == "" {
		c.say(OK, check, "off: OPS_ADDR is off")
		return
	}
	taken, err := inUse(ctx, c.OpsAddr)
	switch {
	case err != nil:
		c.say(Fail, check, "cannot listen on %s: %v: change OPS_ADDR", c.OpsAddr, err)
	case !taken:
		c.say(OK, check, "%s is free", c.OpsAddr)
	default:
		status, body, err := get(ctx, "http://"+config.LocalAddress(c.OpsAddr)+"/metrics", "")
		if err != nil || status != http.StatusOK || !bytes.Contains(body, []byte("eventmetrics_")) {
			c.say(Fail, check, "%s is in use by another program: stop it or change OPS_ADDR", c.OpsAddr)
			return
		}
		c.say(OK, check, "a running server answers on %s", c.OpsAddr)
	}
}

// inUse reports whether another process listens on an address.
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

// get returns the status and the first MiB of an answer.
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
