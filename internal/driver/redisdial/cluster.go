package redisdial

import (
	"context"
	"net/url"

	"github.com/redis/go-redis/v9"
)

// Cluster returns the URL of the cluster that the server of a URL is a node of,
// and found as true. Every other URL is returned as it is, also if its server does
// not answer before ctx ends. Errors: [ErrURL], also if the URL has a parameter that
// the URL of a cluster cannot have.
//
// A client of a single node would get the answer MOVED for most keys, permanently.
func Cluster(ctx context.Context, text string) (_ string, found bool, err error) {
	client, err := Dial(text, 0)
	if err != nil {
		return "", false, err
	}
	defer client.Close() //nolint:errcheck // it was only asked
	u, err := url.Parse(text)
	if err != nil {
		return "", false, ErrURL
	}
	query := u.Query()
	single, ok := client.(*redis.Client)
	if !ok || query.Has("master_name") || u.Scheme == "unix" || !isNode(ctx, single) {
		return text, false, nil
	}
	query.Add("addr", single.Options().Addr)
	if query.Get("db") == "0" {
		query.Del("db")
	}
	u.RawQuery = query.Encode()
	check, err := Dial(u.String(), 0)
	if err != nil {
		return "", false, err
	}
	return u.String(), true, check.Close()
}

// isNode asks a server whether it is a node of a cluster. Every user may ask HELLO.
func isNode(ctx context.Context, client *redis.Client) bool {
	answer, err := client.Do(ctx, "HELLO").Result()
	switch answer := answer.(type) {
	case map[any]any:
		return err == nil && answer["mode"] == "cluster"
	case []any: // in the older protocol
		for i := 0; err == nil && i+1 < len(answer); i += 2 {
			if answer[i] == "mode" {
				return answer[i+1] == "cluster"
			}
		}
	}
	return false
}

// IsMoved reports whether err is the answer of a node of a cluster to a client that
// does not know the cluster. A client of a cluster returns it only for a moment,
// while slots move.
func IsMoved(client redis.UniversalClient, err error) bool {
	_, single := client.(*redis.Client)
	return single && redis.HasErrorPrefix(err, "MOVED")
}
