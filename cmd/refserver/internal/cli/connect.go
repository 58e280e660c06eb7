package cli

import (
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// connect reads the settings of a command that talks to a server. It returns a
// client for that server, and the arguments that are not flags.
func connect(usage string, t *Terminal, args []string, more ...config.Setting) (*client, []string, error) {
	var address, token string
	where := config.New("REFSERVER_URL", "http://127.0.0.1:3000", "`address` of the server", config.Text(&address))
	where.Flag = "url"
	all := append([]config.Setting{
		where, config.New("ADMIN_TOKEN", "", "bearer `token` of the server", config.Text(&token)),
	}, more...)
	rest, err := config.ParseArgs(usage, args, t.Getenv, all)
	if err != nil {
		return nil, nil, err
	}
	c, err := newClient(address, token)
	if err != nil {
		return nil, nil, fmt.Errorf("REFSERVER_URL (-url): %w", err)
	}
	if c.token == "" {
		return nil, nil, errors.New("ADMIN_TOKEN (-admin-token): required; a server without one generates a token and prints it at startup")
	}
	return c, rest, nil
}
