package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// A place of an inspection is the name of a part, a slash and where to go on in
// it. The parts are checked in this order.
const (
	partStructure = "structure"
	partBatches   = "batches"
	partArchived  = "archived"
	partLeaves    = "fingerprints"
	partOwners    = "owners"
	partKeys      = "keys"
	partUnpurged  = "unpurged"
	partArrivals  = "arrivals"
)

// checkedTables are those of which SQLite checks the trees and indexes. What
// would be missing from the others is noticed otherwise: by proofs of batches,
// and by comparing the sums of days with the ledger.
var checkedTables = []string{"batches", "archived", "unfinished", "fingerprints", "levels", "freed", "unpurged", "owners", "keys", "deployment", "arrivals", "spans"}

// The sizes of the parts.
const (
	inspectBatches = 20
	inspectRows    = 200
	inspectLeaves  = 64
	inspectDays    = 10
)

// Inspect implements [store.Inspector].
func (s *Store) Inspect(ctx context.Context, from string) (store.Inspection, error) {
	part, at, _ := strings.Cut(from, "/")
	in := inspector{s: s, at: at}
	var err error
	switch part {
	case "", partStructure:
		err = in.structure(ctx)
	case partBatches:
		err = in.batches(ctx)
	case partArchived:
		err = in.archived(ctx)
	case partLeaves:
		err = in.leaves(ctx)
	case partOwners:
		err = in.owners(ctx)
	case partKeys:
		err = in.keys(ctx)
	case partUnpurged:
		err = in.unpurged(ctx)
	case partArrivals:
		err = in.arrivals(ctx)
	default:
		err = errors.New("no such place")
	}
	return in.Inspection, wrap(ctx, err, "inspect %q", from)
}

// inspector is one call of Inspect.
type inspector struct {
	store.Inspection
	s  *Store
	at string // where to begin in the part
}

// note adds a finding. It returns an error that is none.
func (in *inspector) note(ctx context.Context, part, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	in.Damages = append(in.Damages, store.Damage{Part: part, BatchID: id, Err: err.Error()})
	return nil
}

// structure has SQLite check a table and its indexes, and once the id of the file.
func (in *inspector) structure(ctx context.Context) error {
	n := 0
	if in.at != "" {
		var err error
		if n, err = strconv.Atoi(in.at); err != nil || n < 0 || n >= len(checkedTables) {
			return errors.New("no such place")
		}
	}
	in.Next = partBatches + "/"
	if n+1 < len(checkedTables) {
		in.Next = fmt.Sprintf("%s/%d", partStructure, n+1)
	}
	var verdict string
	err := in.s.reader.QueryRowContext(ctx, fmt.Sprintf("PRAGMA integrity_check(%s)", checkedTables[n])).Scan(&verdict)
	if err == nil && verdict != "ok" {
		err = errors.New(verdict)
	}
	if err == nil && n == 0 {
		_, err = in.s.ID(ctx)
	}
	return in.note(ctx, "structure", "", err)
}

// number is the place in a part whose rows have numbers.
func (in *inspector) number() (int64, error) {
	if in.at == "" {
		return 0, nil
	}
	return strconv.ParseInt(in.at, 10, 64)
}

// batches checks the rows of batches, and what belongs to them.
func (in *inspector) batches(ctx context.Context) error {
	last, err := in.number()
	if err != nil {
		return err
	}
	in.Next = partArchived + "/"
	for range inspectBatches {
		r, err := scanRow(in.s.reader.QueryRowContext(ctx, "SELECT "+rowColumns+" FROM batches WHERE seq > ? ORDER BY seq LIMIT 1", last).Scan)
		if isNoRows(err) {
			return nil
		}
		if err != nil { // where the next row is cannot be told
			return in.note(ctx, "batch", "", err)
		}
		last = r.seq
		if err := in.batch(ctx, &r); err != nil {
			return err
		}
	}
	in.Next = fmt.Sprintf("%s/%d", partBatches, last)
	return nil
}

func (in *inspector) batch(ctx context.Context, r *batchRow) error {
	if r.Damaged {
		return in.note(ctx, "batch", r.ID, fmt.Errorf("%w: its description is not what was written", metrics.ErrCorrupt))
	}
	for part, check := range map[string]func(context.Context, *batchRow) error{
		"attachment": in.s.checkAttached, "events": in.s.checkWaiting, "ledger": in.s.checkLedger, "pending": in.s.checkPending,
	} {
		err := check(ctx, r)
		if err != nil {
			if now, gone := readRow(ctx, in.s.reader, r.ID); gone != nil || now.Erasure != r.Erasure || now.EventsPurged != r.EventsPurged {
				continue // it has changed meanwhile
			}
		}
		if errors.Is(err, store.ErrChanged) {
			continue
		}
		if err := in.note(ctx, part, r.ID, err); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkAttached(ctx context.Context, r *batchRow) error {
	for name := range r.proof.attached {
		for _, err := range s.Attachment(ctx, r.ID, name) {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checkWaiting reads the events of a batch that is not completed, which no audit
// reads.
func (s *Store) checkWaiting(ctx context.Context, r *batchRow) error {
	if r.Status == store.Completed {
		return nil
	}
	b := blockReader{s: s, b: r}
	for no := range r.blocks {
		if err := b.read(ctx, no); err != nil {
			return err
		}
	}
	return b.end()
}

func (s *Store) checkLedger(ctx context.Context, r *batchRow) error {
	if !r.recorded.Valid {
		return nil
	}
	_, err := s.Contribution(ctx, r.ID)
	return err
}

func (s *Store) checkPending(ctx context.Context, r *batchRow) error {
	_, err := s.Pending(ctx, r.ID)
	return err
}

// archived checks the rows of archived batches and their entries in the ledger.
func (in *inspector) archived(ctx context.Context) error {
	last, err := in.number()
	if err != nil {
		return err
	}
	in.Next = partLeaves + "/"
	for range inspectRows {
		var seq int64
		var id string
		var err error
		view := in.s.view(ctx, func(tx *sql.Tx) error {
			seq, id, err = checkArchived(ctx, tx, last)
			return nil
		})
		if view != nil {
			return view
		}
		if isNoRows(err) {
			return nil
		}
		if err := in.note(ctx, "archived batch", id, err); err != nil {
			return err
		}
		if seq == 0 { // where the next row is cannot be told
			return nil
		}
		last = seq
	}
	in.Next = fmt.Sprintf("%s/%d", partArchived, last)
	return nil
}

func checkArchived(ctx context.Context, tx *sql.Tx, last int64) (seq int64, id string, _ error) {
	var recorded sql.NullInt64
	var text []byte
	err := tx.QueryRowContext(ctx, "SELECT seq, id, recorded, proof FROM archived WHERE seq > ? ORDER BY seq LIMIT 1", last).Scan(&seq, &id, &recorded, &text)
	if err != nil {
		return 0, "", err
	}
	var p proof
	if err := p.open(text, archivedBytes(seq, id, recorded)); err != nil {
		return seq, id, err
	}
	return seq, id, checkEntry(ctx, tx, id, &p.entry)
}

// leaves checks the leaves of fingerprints, level by level.
func (in *inspector) leaves(ctx context.Context) error {
	last, err := in.number()
	if err != nil {
		return err
	}
	in.Next = partOwners + "/"
	for range inspectLeaves {
		next, err := in.s.checkLeaf(ctx, last)
		if isNoRows(err) {
			return nil
		}
		if err := in.note(ctx, "fingerprints", "", err); err != nil {
			return err
		}
		if next == 0 { // where the next row is cannot be told
			return nil
		}
		last = next
	}
	in.Next = fmt.Sprintf("%s/%d", partLeaves, last)
	return nil
}

// checkLeaf checks the first leaf after a number and returns its number, or 0 if
// that is unknown.
func (s *Store) checkLeaf(ctx context.Context, after int64) (id int64, _ error) {
	var level int
	var known bool
	err := s.reader.QueryRowContext(ctx, `SELECT id, level, EXISTS(SELECT 1 FROM levels l WHERE l.level = f.level)
		FROM fingerprints f WHERE id > ? ORDER BY id LIMIT 1`, after).Scan(&id, &level, &known)
	if err != nil {
		return 0, err
	}
	if !known {
		return id, fmt.Errorf("leaf %d is of level %d, which is not listed", id, level)
	}
	var l levels
	_, err = l.load(level, s.reader.QueryRowContext(ctx, "SELECT id, last, data, sum FROM fingerprints WHERE id = ?", id))
	return id, err
}

// owners checks the further owners of fingerprints, of which there are few.
func (in *inspector) owners(ctx context.Context) error {
	in.Next = partKeys + "/"
	err := in.s.view(ctx, func(tx *sql.Tx) error {
		return eachOwner(ctx, tx, func([]byte, int64) error { return nil }, "")
	})
	return in.note(ctx, "owners", "", err)
}

// keys checks the further idempotency keys of batches.
func (in *inspector) keys(ctx context.Context) error {
	in.Next = partUnpurged + "/"
	n, last := 0, ""
	err := in.s.view(ctx, func(tx *sql.Tx) (err error) {
		last, err = eachKey(ctx, tx, func(*keyRow) { n++ }, "WHERE key > ? ORDER BY key LIMIT ?", in.at, inspectRows)
		return err
	})
	if err == nil && n == inspectRows {
		in.Next = partKeys + "/" + last
	}
	return in.note(ctx, "keys", "", err)
}

// unpurged compares how many batches of each day are not purged with the ledger.
func (in *inspector) unpurged(ctx context.Context) error {
	in.Next = partArrivals + "/"
	var wrong int64
	err := in.s.reader.QueryRowContext(ctx, `
		WITH counted AS (SELECT day, count(*) AS batches FROM ledger JOIN batches ON id = batch_id WHERE NOT purged GROUP BY day),
			kept AS (SELECT day, batches FROM unpurged WHERE batches <> 0)
		SELECT (SELECT count(*) FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)) +
			(SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted))`).Scan(&wrong)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("the numbers of batches with events are wrong for %d days", wrong)
	}
	return in.note(ctx, store.PartSums, "", err)
}
