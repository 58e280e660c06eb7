package cli

import (
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/datadir"
)

// connect reads the settings of a command that talks to a server. It returns a
// client for that server, and the arguments that are not flags.
func connect(usage string, t *Terminal, args []string, more ...config.Setting) (*client, []string, error) {
	var address, token, dir string
	where := config.New("REFSERVER_URL", "http://127.0.0.1:3000", "`address` of the server", config.Text(&address))
	where.Flag = "url"
	all := append([]config.Setting{
		where, config.New("ADMIN_TOKEN", "", "bearer `token` of the server; if empty, the one that a server on this machine keeps in DATA_DIR", config.Text(&token)),
		config.New("DATA_DIR", "data", "`directory` of a server on this machine", config.Text(&dir)),
	}, more...)
	rest, err := config.ParseArgs(usage, args, t.Getenv, all)
	if err != nil {
		return nil, nil, err
	}
	c, err := newClient(address, token)
	if err != nil {
		return nil, nil, fmt.Errorf("REFSERVER_URL (-url): %w", err)
	}
	if c.token == "" && config.IsLoopback(c.base.Hostname()) {
		if c.token, err = datadir.Token(dir); err != nil {
			return nil, nil, fmt.Errorf("DATA_DIR (-data-dir): %w", err)
		}
	}
	if c.token == "" {
		return nil, nil, errors.New("ADMIN_TOKEN (-admin-token): required; a server without one prints its token at startup and keeps it in DATA_DIR")
	}
	return c, rest, nil
}

// connectOnly is connect for a command without arguments.
func connectOnly(usage string, t *Terminal, args []string, more ...config.Setting) (*client, error) {
	c, rest, err := connect(usage, t, args, more...)
	if err == nil && len(rest) > 0 {
		return nil, fmt.Errorf("unknown argument %.40q", rest[0])
	}
	return c, err
}

// connectTo is connect for a command that needs at least one argument.
func connectTo(usage, what string, t *Terminal, args []string) (*client, []string, error) {
	c, rest, err := connect(usage, t, args)
	if err == nil && len(rest) == 0 {
		return nil, nil, fmt.Errorf("missing %s; usage: %s", what, usage)
	}
	return c, rest, err
}
