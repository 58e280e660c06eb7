package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"strconv"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/doctor"
)

// examine checks what the server would be told, and what that names.
func examine(ctx context.Context, t *cli.Terminal, args []string) error {
	c, err := load(args, t.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	if err != nil {
		return cli.Doctor(ctx, t, err, nil)
	}
	return cli.Doctor(ctx, t, nil, &doctor.Options{
		MongoURI: c.mongoURI, RedisURL: c.redisURL, DataDir: c.dataDir,
		Address: net.JoinHostPort(c.host, strconv.Itoa(c.port)), OpsAddress: c.opsAddr,
		Token: c.token, MaxUploadBytes: c.maxUploadBytes,
	})
}
