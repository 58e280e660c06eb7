package serialize_test

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
)

// alone checks that no two of the calls that it brackets overlap.
type alone struct {
	t       *testing.T
	running atomic.Int32
	done    atomic.Int32
}

func (a *alone) enter() {
	if a.running.Add(1) != 1 {
		a.t.Error("two writes run at once")
	}
}

func (a *alone) leave() {
	a.running.Add(-1)
	a.done.Add(1)
}

func TestWritesRunAloneWhileReadsPass(t *testing.T) {
	writes := alone{t: t}
	read := make(chan struct{})
	addr := start(t, func(p []byte) bool {
		if bytes.Contains(p, []byte("find\x00")) {
			read <- struct{}{}
			return true
		}
		writes.enter()
		<-read // a write takes until a read has come by
		writes.leave()
		return true
	})
	commands := []string{
		"insert", "update", "delete", "findAndModify", "findandmodify", "create", "createIndexes",
		"drop", "dropDatabase", "dropIndexes", "renameCollection", "collMod", "compact",
	}
	const each = 10
	var all sync.WaitGroup
	for _, command := range commands {
		all.Go(func() {
			c := dial(t, addr)
			for id := range uint32(each) {
				c.send(sequenceFirst(2*id, command))
				c.expect(2 * id)
				c.do(2*id+1, command)
			}
		})
	}
	reader := dial(t, addr)
	for id := range uint32(2 * each * len(commands)) {
		reader.do(id, "find")
	}
	all.Wait()
	if got, want := int(writes.done.Load()), 2*each*len(commands); got != want {
		t.Errorf("%d writes, want %d", got, want)
	}
}

func TestAWriteGoesOnAloneWhenItsClientLeaves(t *testing.T) {
	writes := alone{t: t}
	begun, finish := make(chan struct{}, 2), make(chan struct{})
	addr := start(t, func(p []byte) bool {
		if bytes.Contains(p, []byte("update\x00")) {
			writes.enter()
			begun <- struct{}{}
			<-finish
			writes.leave()
		}
		return true
	})
	leaving, next, reader := dial(t, addr), dial(t, addr), dial(t, addr)
	next.do(1, "ping")
	leaving.send(msg(1, 0, "update"))
	<-begun
	_ = leaving.Close()
	next.send(msg(2, 0, "update"))
	for id := range uint32(100) { // time enough for the second to arrive too early
		reader.do(id, "ping")
	}
	close(finish)
	next.expect(2)
	if n := writes.done.Load(); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}

func TestHalfAWriteHoldsNobodyUp(t *testing.T) {
	var got atomic.Int32
	addr := start(t, func([]byte) bool { got.Add(1); return true })
	whole := msg(1, 0, "update")
	for _, half := range []int{1, 16, 20, len(whole) - 1} {
		slow := dial(t, addr)
		slow.send(whole[:half])
		dial(t, addr).do(2, "update")
		_ = slow.Close()
		dial(t, addr).do(3, "update")
	}
	if n := got.Load(); n != 8 {
		t.Errorf("the server got %d messages, want 8", n)
	}
}

func TestAWriteThatTheServerDropsFreesTheNext(t *testing.T) {
	var drops atomic.Int32
	addr := start(t, func(p []byte) bool {
		return !bytes.Contains(p, []byte("drop\x00")) || drops.Add(1) > 1
	})
	c := dial(t, addr)
	c.send(msg(1, 0, "drop"))
	if p, err := readPacket(c); !errors.Is(err, io.EOF) {
		t.Errorf("got %x, %v; want the end", p, err)
	}
	dial(t, addr).do(2, "drop")
}

func TestAMessageOfImpossibleSizeEndsTheConnection(t *testing.T) {
	addr := start(t, func([]byte) bool { t.Error("the server gets it"); return false })
	for _, size := range []uint32{0, 15, 48_000_001, 1 << 31, 1<<32 - 1} {
		c := dial(t, addr)
		p := msg(1, 0, "insert")
		le.PutUint32(p, size)
		c.send(p[:16])
		if _, err := readPacket(c); err == nil {
			t.Errorf("a size of %d is answered", size)
		}
	}
}

func TestTheLargestMessagePasses(t *testing.T) {
	var got atomic.Int64
	addr := start(t, func(p []byte) bool { got.Store(int64(len(p))); return true })
	p := msg(1, 0, "insert")
	p = append(p, make([]byte, 48_000_000-len(p))...)
	le.PutUint32(p, uint32(len(p)))
	c := dial(t, addr)
	c.send(p)
	c.expect(1)
	if n := got.Load(); n != 48_000_000 {
		t.Errorf("the server got %d bytes", n)
	}
	c.do(2, "ping")
}

func TestAMessageThatWantsNoAnswerGetsNone(t *testing.T) {
	addr := start(t, func([]byte) bool { return true })
	c := dial(t, addr)
	c.send(msg(1, moreToCome, "insert"))
	c.send(msg(2, moreToCome, "ping"))
	c.do(3, "insert")
}

func TestAnOldHandshakePasses(t *testing.T) {
	addr := start(t, func([]byte) bool { return true })
	c := dial(t, addr)
	// The collection's name would be flags, were this an OP_MSG.
	c.send(packet(1, 2004, make([]byte, 4), []byte("\xff\xff\xff\xffadmin.$cmd\x00"), make([]byte, 8), document("isMaster")))
	c.expect(1)
}

func TestBrokenMessagesAreLeftToTheServer(t *testing.T) {
	addr := start(t, func([]byte) bool { return true })
	c := dial(t, addr)
	id := uint32(0)
	for _, whole := range [][]byte{msg(0, 0, "update"), sequenceFirst(0, "update")} {
		for n := 16; n < len(whole); n++ {
			id++
			p := bytes.Clone(whole[:n])
			le.PutUint32(p, uint32(n))
			le.PutUint32(p[4:], id)
			c.send(p)
			c.expect(id)
		}
	}
	huge := sequenceFirst(id, "update")
	le.PutUint32(huge[21:], 1<<32-1)
	c.send(huge)
	c.expect(id)
}
