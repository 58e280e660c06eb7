package storetest

import (
	"context"
)

func pingRules() []rule {
	return []rule{{"Ping answers", "Store.Ping: returns nil if the database can be read and written now.", pings}}
}

func pings(c *check) {
	for range 3 {
		c.must(c.st.Ping(c.Context()), "Ping")
	}
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	c.want(c.st.Ping(ended), context.Canceled, "Ping with a cancelled context")
	c.uploaded()
}
