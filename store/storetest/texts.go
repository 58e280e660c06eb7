package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const texts = "Store: All strings are valid UTF-8 without NUL, otherwise of any characters, and of at most 4 KiB, names of attachments among them. A store keeps them byte for byte, and two strings are equal only if their bytes are."

func textRules() []rule {
	return []rule{
		{"strings of all characters are kept byte for byte", texts, keepsTexts},
		{"strings that look alike are different", texts, tellsTextsApart},
		{"an id of any characters that is no batch is not found", texts + "\nStore.Batch: ErrNotFound.", findsNoText},
	}
}

// worstTexts returns strings of the characters that databases, their drivers and
// their query languages change, cut or refuse, in several encodings.
func worstTexts() []string {
	var controls strings.Builder
	for c := rune(1); c < 0xA0; c++ {
		if c < ' ' || c >= 0x7F {
			controls.WriteRune(c)
		}
	}
	return append(awkward(),
		controls.String(), "\x01", "a\x1a", "\x7f", "\u0085", "\u2028\u2029", "\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff",
		"\ue000", "\u200f\u202e\u2066", "\u00ad", "e\u0301", "ﬁ", "İi", "ß", "\u0000a"[1:], "%00", `\u0000`, `\0`, `\x00`, "$where", "a.$b", "..", "../a",
		"a;b", "--", "/*", "?1", ":a", "@a", "${a}", "#{a}", strings.Repeat("\U0010ffff", 1000), strings.Repeat("a\n", 2000),
	)
}

func keepsTexts(c *check) {
	var contributions []metrics.Contribution
	for i, s := range worstTexts() {
		events := []metrics.Event{{Row: 1, ID: s, Type: s, Time: epoch, Fields: fields(s, "value", "test_id", s, "candidate_id", s)}}
		u := upload{events: events, attach: map[string]string{s: "attached " + s}, pending: c.contributionOf(events)}
		u.batch = store.Batch{
			FileName: s, SHA256: "00ff", IdempotencyKey: fmt.Sprintf("%d %s", i, s), KeyExpires: epoch.Add(time.Hour), RepairOf: s, Created: epoch,
		}
		b := c.upload(u)
		c.must(c.st.SetStatus(c.Context(), b.ID, []store.Status{store.Uploaded}, store.Queued, s), "SetStatus")
		want := u.batch
		got := c.batch(b.ID)
		for what, pair := range map[string][2]string{
			"FileName": {want.FileName, got.FileName}, "IdempotencyKey": {want.IdempotencyKey, got.IdempotencyKey},
			"RepairOf": {want.RepairOf, got.RepairOf}, "LastError": {s, got.LastError},
			"attachment": {"attached " + s, c.attachment(b.ID, s)},
		} {
			if pair[0] != pair[1] {
				c.Errorf("%s of a batch: want %.60q, got %.60q", what, pair[0], pair[1])
			}
		}
		if d := diffEvents(events, c.events(b.ID)); d != "" {
			c.Errorf("Events with %.60q: %s", s, d)
		}
		c.keyIs("with characters of any kind", want.IdempotencyKey, epoch, b.ID)
		pending, err := c.st.Pending(c.Context(), b.ID)
		c.must(err, "Pending")
		if d := diffDayCounts(u.pending, pending); d != "" {
			c.Errorf("Pending with %.60q: %s", s, d)
		}
		c.must(c.st.Record(c.Context(), b.ID, u.pending), "Record")
		contributions = append(contributions, u.pending)
	}
	c.ledgerIs("with types and groups of all characters", contributions...)
}

// alike are strings that a database compares as equal under some collation.
var alike = []string{"a", "A", "a ", " a", "á", "a\u0301", "ａ", "a\u200b", "\ufeffa", "a\x01", "a\u00ad", "ß", "ss"}

func tellsTextsApart(c *check) {
	ids := map[string]string{}
	var events []metrics.Event
	for i, s := range alike {
		u := filled()
		u.batch = store.Batch{IdempotencyKey: s, KeyExpires: epoch.Add(time.Hour), RepairOf: s}
		ids[s] = c.upload(u).ID
		events = append(events, metrics.Event{Row: int64(i + 1), Type: s, Time: epoch, Fields: fields("candidate_id", s, "test_id", s)})
	}
	for _, s := range alike {
		c.keyIs("of keys that look alike", s, epoch, ids[s])
		c.idsAre(fmt.Sprintf("that repair %q", s), []string{ids[s]}, c.list(store.BatchQuery{RepairOf: s}))
	}
	id := c.upload(upload{events: events}).ID
	c.must(c.st.Record(c.Context(), id, c.contributionOf(events)), "Record")
	for _, s := range alike {
		q := everything
		q.Types = []string{s}
		c.dayCountsAre(fmt.Sprintf("of type %q", s), q, c.contributionOf(events))
	}
	er, ok := store.As[store.Retainer](c.st)
	if !ok {
		return
	}
	for _, s := range alike {
		events = c.erase(er, id, events, "candidate_id", s)
	}
}

func findsNoText(c *check) {
	c.uploaded()
	for _, s := range append(worstTexts(), "") {
		_, err := c.st.Batch(c.Context(), s)
		c.want(err, store.ErrNotFound, fmt.Sprintf("Batch of %.60q", s))
		c.want(c.eventsError(s), store.ErrNotFound, fmt.Sprintf("Events of %.60q", s))
		_, err = c.readAttachment(s, s)
		c.want(err, store.ErrNotFound, fmt.Sprintf("Attachment of %.60q", s))
		c.want(c.st.SetStatus(c.Context(), s, store.Statuses(), store.Queued, s), store.ErrNotFound, fmt.Sprintf("SetStatus of %.60q", s))
		c.keyIs("of no batch", "no "+s, epoch, "")
	}
}
