package cli

import (
	"context"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/tokens"
	"github.com/eventmetrics/eventmetrics/httpapi"
)

// newToken is what a token is made of.
type newToken struct {
	name, file, address, host string
	port                      int
	role                      httpapi.Role
	end                       time.Time
}

// Token returns the command that makes a token. It needs no server.
func Token() Command {
	n := &newToken{}
	address := config.New("REFSERVER_URL", "", "`address` of the server, for the link; if empty, that of a server on this machine with this HOST and PORT", config.Text(&n.address))
	address.Flag = "url"
	var roles []string
	for _, role := range httpapi.Roles() {
		roles = append(roles, string(role))
	}
	role := config.Setting{Flag: "role", Usage: "`role` of the token: " + strings.Join(roles, ", "), Set: func(v string) error { n.role = httpapi.Role(v); return nil }}
	return Command{
		Name: "token", About: "make a token with a role, and print it once",
		More: "The token is printed to standard output, for the role overview as a link to share. " +
			"TOKENS_FILE gets its line, which has only its digest; without TOKENS_FILE the line is printed to standard error.",
		Args: "new", Least: 1, Most: 1, Actions: []string{"new"},
		Settings: []config.Setting{
			role.Among(roles...),
			{Flag: "name", Usage: "`name` of the token in the log; if empty, one is made from the role", Set: n.setName},
			{Flag: "expires", Usage: "`end` of the token, such as 90d, 36h or 2026-12-31; if empty, it has none", Set: n.setEnd},
			config.New("TOKENS_FILE", "", "`file` that gets the line of the token", config.Text(&n.file)),
			address,
			config.HostSetting("`address` on which a server on this machine listens", &n.host),
			config.PortSetting("`port` on which it listens", &n.port),
		},
		Run: n.run,
	}
}

func (n *newToken) setName(v string) error {
	n.name = v
	if v == "" {
		return nil
	}
	return tokens.CheckName(v)
}

func (n *newToken) setEnd(v string) error {
	if v == "" {
		return nil
	}
	var period time.Duration
	if config.Period(&period)(v) == nil {
		n.end = time.Now().Add(period)
		return nil
	}
	var err error
	n.end, err = tokens.ParseEnd(v)
	return err
}

func (n *newToken) run(_ context.Context, t *Terminal, args []string) error {
	switch {
	case args[0] != "new":
		return Usagef("token: unknown action %.40q; want new", args[0])
	case n.role == "":
		return Usagef("token: missing -role: want one of %q", httpapi.Roles())
	case !n.end.IsZero() && !n.end.After(time.Now()):
		return Usagef("token: -expires: %s is over", n.end.UTC().Format(time.RFC3339))
	}
	secret, token := tokens.Generate(n.name, n.role, n.end)
	if n.file == "" {
		t.warn("add this line to TOKENS_FILE; the token is printed only now:\n%s\n", tokens.Line(&token))
	} else {
		if err := tokens.Add(n.file, &token); err != nil {
			return Usagef("token: TOKENS_FILE (-tokens-file): %w", err)
		}
		t.warn("added %s to %s; the token is printed only now:\n", token.Name, n.file)
	}
	if n.role == httpapi.RoleOverview {
		t.print("%s/#token=%s\n", strings.TrimRight(n.where(), "/"), secret)
		return nil
	}
	t.print("%s\n", secret)
	return nil
}

// where returns the address of the server.
func (n *newToken) where() string {
	if n.address != "" {
		return n.address
	}
	return "http://" + config.LocalAddress(config.Address(n.host, n.port))
}
