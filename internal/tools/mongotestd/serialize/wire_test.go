package serialize_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/tools/mongotestd/serialize"
)

const moreToCome = 1 << 1

var le = binary.LittleEndian

// document is {command: 1}.
func document(command string) []byte {
	d := append([]byte{0, 0, 0, 0, 0x10}, command...)
	d = append(d, 0, 1, 0, 0, 0, 0)
	le.PutUint32(d, uint32(len(d)))
	return d
}

func packet(id, opcode uint32, body ...[]byte) []byte {
	p := make([]byte, 16)
	le.PutUint32(p[4:], id)
	le.PutUint32(p[12:], opcode)
	for _, b := range body {
		p = append(p, b...)
	}
	le.PutUint32(p, uint32(len(p)))
	return p
}

func msg(id, flags uint32, command string) []byte {
	return packet(id, 2013, le.AppendUint32(nil, flags), []byte{0}, document(command))
}

// sequenceFirst is a message whose body comes after the documents, as the
// protocol allows.
func sequenceFirst(id uint32, command string) []byte {
	docs := append([]byte("documents\x00"), document("x")...)
	size := le.AppendUint32(nil, uint32(4+len(docs)))
	return packet(id, 2013, make([]byte, 4), []byte{1}, size, docs, []byte{0}, document(command))
}

func readPacket(r io.Reader) ([]byte, error) {
	p := make([]byte, 16)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, err
	}
	p = append(p, make([]byte, le.Uint32(p)-16)...)
	_, err := io.ReadFull(r, p[16:])
	return p, err
}

// start puts the proxy before a server which answers every message after
// handle has returned true and hangs up when it returns false.
func start(t *testing.T, handle func(request []byte) bool) (addr string) {
	t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	server, proxy := listen(t), listen(t)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			all.Go(func() { answer(conn, handle) })
		}
	})
	all.Go(func() {
		if err := serialize.Serve(ctx, proxy, server.Addr().String()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		end() // with clients that are still there
		_ = server.Close()
		all.Wait()
	})
	return proxy.Addr().String()
}

func answer(conn net.Conn, handle func([]byte) bool) {
	defer conn.Close()
	for {
		request, err := readPacket(conn)
		if err != nil || !handle(request) {
			return
		}
		reply := msg(0, 0, "ok")
		le.PutUint32(reply[8:], le.Uint32(request[4:]))
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client is a connection that fails rather than hangs forever.
type client struct {
	net.Conn
	t *testing.T
}

func dial(t *testing.T, addr string) client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return client{conn, t}
}

func (c client) send(p []byte) {
	c.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.t.Error(err)
	}
}

// expect reads an answer and checks whose it is.
func (c client) expect(id uint32) {
	c.t.Helper()
	p, err := readPacket(c)
	if err != nil {
		c.t.Error(err)
		return
	}
	if got := le.Uint32(p[8:]); got != id {
		c.t.Errorf("the answer is for %d, want %d", got, id)
	}
}

func (c client) do(id uint32, command string) {
	c.t.Helper()
	c.send(msg(id, 0, command))
	c.expect(id)
}
