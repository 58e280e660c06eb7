package storetest

import (
	"bytes"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store"
)

const inOrder = "Store.Attachment: returns the content of an attachment in chunks, whose bounds need not be those of Attach.\nWriter.Attach: appends a chunk to the attachment called name of this batch.\nStore: The content of an attachment is of any bytes."

func attachmentRules() []rule {
	return []rule{
		{"attachments keep their bytes in order", inOrder, attachmentKeepsBytes},
		{"attachments do not mix", "Store.Attachment: each name of each batch is an attachment of its own.", attachmentsDoNotMix},
		{"an unknown attachment yields nothing", "Store.Attachment: an attachment without content yields none. ErrNotFound when the batch is unknown", attachmentUnknown},
		{"Attach keeps no slice", "Writer.Attach: the store does not keep the slice.", attachKeepsNoSlice},
	}
}

// binary returns n bytes of which each value and no short period occurs.
func binary(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func attachmentKeepsBytes(c *check) {
	content := binary(3<<20 + 17)
	w := c.begin(c.id())
	sizes := []int{0, 1, 65536, 0, 300_000, 1 << 20}
	for rest, i := content, 0; len(rest) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(rest))
		c.must(w.Attach(c.Context(), "rejected", rest[:n]), "Attach")
		rest = rest[n:]
		if i%3 == 0 {
			c.must(w.Write(c.Context(), someEvents(i + 1)[i:]), "Write")
		}
	}
	b, err := w.Commit(c.Context(), store.Batch{Created: epoch}, nil)
	c.must(err, "Commit")
	got := []byte(c.attachment(b.ID, "rejected"))
	if bytes.Equal(content, got) {
		return
	}
	at := 0
	for at < min(len(content), len(got)) && content[at] == got[at] {
		at++
	}
	c.Errorf("Attachment: want %d bytes, got %d; the first difference is at byte %d", len(content), len(got), at)
}

func attachmentsDoNotMix(c *check) {
	var ids []string
	content := func(i int, name string) string { return fmt.Sprintf("%d of %s", i, name) }
	attached := []string{"rejected", "pending", "contribution", "a.b", "$x", "ünï", "a/b", "A.B"}
	for i := range 3 {
		all := map[string]string{}
		for _, name := range attached {
			all[name] = content(i, name)
		}
		ids = append(ids, c.upload(upload{attach: all}).ID)
	}
	for i, id := range ids {
		for _, name := range attached {
			if got := c.attachment(id, name); got != content(i, name) {
				c.Errorf("Attachment %q of batch %d: want %q, got %q", name, i, content(i, name), got)
			}
		}
	}
}

func attachmentUnknown(c *check) {
	id := c.upload(upload{attach: map[string]string{"rejected": "x"}}).ID
	if got := c.attachment(id, "other"); got != "" {
		c.Errorf("Attachment that was never made: got %q", got)
	}
	_, err := c.readAttachment(c.id(), "rejected")
	c.want(err, store.ErrNotFound, "Attachment of an unknown batch")
}

func attachKeepsNoSlice(c *check) {
	w := c.begin(c.id())
	chunk := make([]byte, 4)
	for _, part := range []string{"one,", "two,", "six."} {
		copy(chunk, part)
		c.must(w.Attach(c.Context(), "rejected", chunk), "Attach")
		copy(chunk, "!!!!")
	}
	b, err := w.Commit(c.Context(), store.Batch{Created: epoch}, nil)
	c.must(err, "Commit")
	if got := c.attachment(b.ID, "rejected"); got != "one,two,six." {
		c.Errorf("Attachment: want %q, got %q", "one,two,six.", got)
	}
}
