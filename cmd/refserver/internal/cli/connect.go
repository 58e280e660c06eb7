package cli

import (
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli/client"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/settings"
)

// connect reads the settings of a command that speaks to a server, and returns
// a client for it and the arguments that are no flags.
func connect(usage string, t *Terminal, args []string, more ...settings.Setting) (*client.Client, []string, error) {
	var address, token string
	where := settings.New("REFSERVER_URL", "http://127.0.0.1:3000", "`address` of the server", settings.Text(&address))
	where.Flag = "url"
	all := append([]settings.Setting{
		where, settings.New("ADMIN_TOKEN", "", "bearer `token` of the server", settings.Text(&token)),
	}, more...)
	rest, err := settings.LoadArgs(usage, args, t.Getenv, all)
	if err != nil {
		return nil, nil, err
	}
	c, err := client.New(address, token)
	if err != nil {
		return nil, nil, fmt.Errorf("REFSERVER_URL (-url): %w", err)
	}
	if !c.HasToken() {
		return nil, nil, errors.New("ADMIN_TOKEN (-admin-token): needed; a server that has none prints the one it makes at its start")
	}
	return c, rest, nil
}
