package cli

import (
	"context"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/datadir"
)

// connection says which server a command talks to: by default the one that has the
// same settings.
type connection struct {
	address, token, dir, host string
	port                      int
}

// settings returns the settings of the connection, and more.
func (c *connection) settings(more ...config.Setting) []config.Setting {
	address := config.New("REFSERVER_URL", "", "`address` of the server, http://host:port; if empty, that of a server on this machine with this HOST and PORT", config.Text(&c.address))
	address.Flag = "url"
	return append([]config.Setting{
		address,
		config.HostSetting("`address` on which a server on this machine listens", &c.host),
		config.PortSetting("`port` on which it listens", &c.port),
		config.New("ADMIN_TOKEN", "", "bearer `token` of the server; if empty, the one that a server on this machine keeps in DATA_DIR", config.Text(&c.token)),
		config.DirSetting("`directory` of a server on this machine", &c.dir),
	}, more...)
}

// client returns a client for the server.
func (c *connection) client() (*client, error) {
	address := c.address
	if address == "" && c.port == 0 {
		return nil, Usagef("PORT (-port): 0 means that the server picks one; name its address with -url")
	}
	if address == "" {
		address = "http://" + config.LocalAddress(config.Address(c.host, c.port))
	}
	made, err := newClient(address, c.token)
	if err != nil {
		return nil, Usagef("REFSERVER_URL (-url): %w", err)
	}
	if made.token == "" && (c.address == "" || config.IsLoopback(made.base.Hostname())) {
		if made.token, err = datadir.Token(c.dir); err != nil {
			return nil, fmt.Errorf("DATA_DIR (-data-dir): %w", err)
		}
	}
	return made, nil
}

// toServer returns the run of a command that talks to a server.
func (c *connection) toServer(run func(ctx context.Context, t *Terminal, server *client, args []string) error) func(context.Context, *Terminal, []string) error {
	return func(ctx context.Context, t *Terminal, args []string) error {
		server, err := c.client()
		if err != nil {
			return err
		}
		return run(ctx, t, server, args)
	}
}
