package faulttest_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// TestMain looks for goroutines when every server is closed: the faults must
// not have left any behind.
func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it logs each connection that tests cut
	code := testenv.Main{M: m}.Run()
	if code == 0 {
		if err := goleak.Find(theirs()...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// theirs are the goroutines that toxiproxy forgets where it has cut a
// connection, and the dials that go-redis lets end by themselves.
func theirs() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
	}
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
