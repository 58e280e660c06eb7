package storetest

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/eventmetrics/eventmetrics/store"
)

const replaces = "Retainer.ReplaceAttachment: replaces the content of an attachment of a visible batch in one atomic step. Content without chunks removes the attachment. The store may range over content more than once, and keeps no chunk."

func replaceRules() []rule {
	return []rule{
		{"Retainer: ReplaceAttachment replaces one attachment", replaces, replaceOne},
		{"Retainer: an error of the content changes nothing", "Retainer.ReplaceAttachment: if content yields an error, that error is returned and nothing changes.", replaceFails},
		{"Retainer: a reader of an attachment gets one content or ErrChanged", "Retainer.ReplaceAttachment: a range over the attachment that has begun yields all of the old content, or ends with ErrChanged.\nStore.Attachment: ErrChanged when the attachment was replaced meanwhile.", replaceWhileRead},
		{"Retainer: the last of several concurrent replacements wins", "Retainer.ReplaceAttachment: the last of several concurrent calls wins.", replaceRace},
		{"Retainer: ReplaceAttachment without a batch is ErrNotFound", "Retainer.ReplaceAttachment: Errors: ErrNotFound.", replaceUnknown},
	}
}

// pieces yields content in chunks that it writes over.
func pieces(content []byte, size int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for piece := range slices.Chunk(content, size) {
			chunk := slices.Clone(piece)
			if !yield(chunk, nil) {
				return
			}
			clear(chunk)
		}
	}
}

func replaceOne(c *check) {
	r := need[store.Retainer](c)
	id := c.upload(upload{attach: map[string]string{"rejected": "one", "errors": "two", "a/b": "three"}}).ID
	other := c.upload(upload{attach: map[string]string{"rejected": "four"}}).ID
	want := c.batch(id)
	for _, content := range [][]byte{binary(3<<20 + 5), []byte("short"), nil, nil, binary(200_000), []byte("last")} {
		c.must(r.ReplaceAttachment(c.Context(), id, "rejected", pieces(content, 70_001)), "ReplaceAttachment")
		if got := c.attachment(id, "rejected"); got != string(content) {
			c.Errorf("Attachment after ReplaceAttachment of %d bytes: got %d bytes, or other ones", len(content), len(got))
		}
	}
	for _, kept := range []struct{ id, name, want string }{{id, "errors", "two"}, {id, "a/b", "three"}, {other, "rejected", "four"}} {
		if got := c.attachment(kept.id, kept.name); got != kept.want {
			c.Errorf("Attachment %q that was not replaced: want %q, got %q", kept.name, kept.want, got)
		}
	}
	if d := diffBatch(want, c.batch(id)); d != "" {
		c.Errorf("Batch after ReplaceAttachment:%s", d)
	}
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	c.gone(id, "after ReplaceAttachment and DeleteBatch")
}

func replaceFails(c *check) {
	r := need[store.Retainer](c)
	id := c.upload(upload{attach: map[string]string{"rejected": "before"}}).ID
	broken := errors.New("the content broke")
	err := r.ReplaceAttachment(c.Context(), id, "rejected", func(yield func([]byte, error) bool) {
		if yield(binary(300_000), nil) {
			yield(nil, broken)
		}
	})
	c.want(err, broken, "ReplaceAttachment of what breaks")
	if got := c.attachment(id, "rejected"); got != "before" {
		c.Errorf("Attachment after a failure: got %d bytes", len(got))
	}
}

// replaceWhileRead replaces, in the middle of a range, by content that is
// shorter, longer, or none.
func replaceWhileRead(c *check) {
	r := need[store.Retainer](c)
	before := binary(5 << 20)
	for _, size := range []int{0, 10, 3 << 20, 9 << 20} {
		after := bytes.Repeat([]byte("x"), size)
		id := c.upload(upload{attach: map[string]string{"rejected": string(before)}}).ID
		var got []byte
		var failed error
		for chunk, err := range c.st.Attachment(c.Context(), id, "rejected") {
			if failed = err; err != nil {
				break
			}
			if got == nil {
				c.must(r.ReplaceAttachment(c.Context(), id, "rejected", pieces(after, 1<<20)), "ReplaceAttachment")
			}
			got = append(got, chunk...)
		}
		if failed != nil {
			c.want(failed, store.ErrChanged, "Attachment that is replaced meanwhile")
		} else if !bytes.Equal(got, before) {
			c.Errorf("Attachment that is replaced meanwhile: %d bytes that are not those from before", len(got))
		}
	}
}

func replaceRace(c *check) {
	r := need[store.Retainer](c)
	id := c.upload(upload{attach: map[string]string{"rejected": "before"}}).ID
	for range raceRounds {
		var all sync.WaitGroup
		for _, fill := range []string{"a", "b", "c"} {
			all.Go(func() {
				err := r.ReplaceAttachment(c.Context(), id, "rejected", pieces(bytes.Repeat([]byte(fill), 200_000), 50_000))
				if err != nil {
					c.Errorf("ReplaceAttachment concurrent with others: %v", err)
				}
			})
		}
		all.Wait()
		got := c.attachment(id, "rejected")
		if len(got) != 200_000 || bytes.Count([]byte(got), []byte(got[:1])) != len(got) {
			c.Errorf("Attachment after concurrent ReplaceAttachment: %d bytes of more than one", len(got))
		}
	}
}

func replaceUnknown(c *check) {
	r := need[store.Retainer](c)
	deleted := c.uploaded()
	c.must(c.st.DeleteBatch(c.Context(), deleted), "DeleteBatch")
	for what, id := range map[string]string{"unknown": c.id(), "deleted": deleted} {
		err := r.ReplaceAttachment(c.Context(), id, "rejected", pieces(binary(300_000), 100_000))
		c.want(err, store.ErrNotFound, "ReplaceAttachment to a batch that is "+what)
		c.gone(id, "after ReplaceAttachment")
	}
}
