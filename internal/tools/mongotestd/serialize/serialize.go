// Package serialize makes the writes of a MongoDB-wire server atomic. FerretDB
// 1 reads a document, changes it and stores it without a lock between, so that
// concurrent updates are lost, which no MongoDB does. A proxy in front of it
// lets one write command run at a time; everything else passes freely.
package serialize

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Serve accepts connections on l and gives each one of its own to the server,
// which is listening at the TCP address upstream. It closes l and every
// connection when ctx ends, waits for them and returns nil.
func Serve(ctx context.Context, l net.Listener, upstream string) error {
	ctx, end := context.WithCancel(ctx)
	p := &proxy{upstream: upstream}
	var conns sync.WaitGroup
	defer conns.Wait()
	defer end()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		client, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serialize: accept: %w", err)
		}
		conns.Go(func() { p.serve(ctx, client) })
	}
}

type proxy struct {
	upstream string
	// writing is held from the first byte of a write command that the server
	// gets to the last byte of its answer.
	writing sync.Mutex
}

// serve passes messages to and fro until either side has had enough. A client
// that goes away is noticed when it is answered or read from again, never
// while the server works for it.
func (p *proxy) serve(ctx context.Context, client net.Conn) {
	defer closeWith(ctx, client)()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.upstream)
	if err != nil {
		return
	}
	defer closeWith(ctx, server)()
	var request, answer message
	for {
		if request.readFrom(client) != nil {
			return
		}
		if p.exchange(server, &request, &answer) != nil {
			return
		}
		// The server answers even where the client has said that it will not
		// listen, as it does for a write that is not to be acknowledged.
		if request.moreToCome() {
			continue
		}
		if _, err := client.Write(answer.bytes); err != nil {
			return
		}
	}
}

// exchange sends a request and reads its answer. Both are whole in memory, so
// that a slow client does not hold up the writes of others.
func (p *proxy) exchange(server net.Conn, request, answer *message) error {
	if request.isWrite() {
		p.writing.Lock()
		defer p.writing.Unlock()
	}
	if _, err := server.Write(request.bytes); err != nil {
		return err
	}
	return answer.readFrom(server)
}

// closeWith closes c when ctx ends or the returned function is called.
func closeWith(ctx context.Context, c net.Conn) func() {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return func() {
		stop()
		_ = c.Close()
	}
}
