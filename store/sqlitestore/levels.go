package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
)

// Fingerprints are random: in a B-tree nearly each fingerprint of a call would
// be on a page of its own, and the call would write all these pages. So claims
// are kept in levels, as in a log-structured merge tree. Each level holds
// several times as many claims as the one above. Within a level the claims
// ascend, in leaves. New claims go into an upper level, and what a level cannot
// hold moves to the next, leaf by leaf. So many claims are written with each
// leaf. A transaction reads and writes a bounded number of leaves, so that others
// do not wait for long.

// levelRatio is how many times as many claims each level holds as the one
// above.
const levelRatio = 8

// sizes are the greatest numbers of claims of a leaf and of the uppermost level,
// and of leaves of a level that a transaction reads to find claims, and changes to
// move some. Claims that are dense, so many for each leaf, are put into a lower level
// at once: that costs less than to move them there from level to level.
type sizes struct{ leaf, level, leaves, dense int }

// levelOf returns the uppermost level that can hold a number of claims.
func (s sizes) levelOf(claims int) (level int) {
	for s.capacity(level) < int64(claims) {
		level++
	}
	return level
}

// capacity is the number of claims that a level holds.
func (s sizes) capacity(level int) int64 {
	n := int64(s.level)
	for range level {
		n *= levelRatio
	}
	return n
}

// levels are the claims as a transaction sees them.
type levels struct {
	tx     *sql.Tx
	sizes  sizes
	seek   *sql.Stmt
	all    map[int]*level
	freed  map[int64]bool // batches whose claims are void
	found  map[int]int    // the leaves of each level that the last find has read
	leaf   leaf           // the one read last
	id     int64          // its number
	last   []byte         // its last fingerprint
	buffer []byte
}

// level is how full a level is, and the last fingerprint that moved to the next.
type level struct {
	claims int64
	moved  []byte
}

// openLevels begins to use the levels. The caller must close them.
func (s *Store) openLevels(ctx context.Context, tx *sql.Tx) (*levels, error) {
	l := &levels{tx: tx, sizes: s.sizes, all: map[int]*level{}, freed: map[int64]bool{}, found: map[int]int{}}
	if err := l.read(ctx); err != nil {
		return nil, err
	}
	var err error
	// A fingerprint is in the first leaf that does not end before it, or nowhere.
	l.seek, err = tx.PrepareContext(ctx, "SELECT id, last, data, sum FROM fingerprints WHERE level = ? AND last >= ? ORDER BY last")
	return l, err
}

func (l *levels) read(ctx context.Context) error {
	rows, err := l.tx.QueryContext(ctx, "SELECT level, claims, moved FROM levels")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var n int
		var lv level
		if err := rows.Scan(&n, &lv.claims, &lv.moved); err != nil {
			return err
		}
		l.all[n] = &lv
	}
	if err := rows.Err(); err != nil {
		return err
	}
	freed, err := freedBatches(ctx, l.tx)
	for _, seq := range freed {
		l.freed[seq] = true
	}
	return err
}

func (l *levels) close() { _ = l.seek.Close() }

// next reads the first leaf of a level that does not end before p, if there
// is one.
func (l *levels) next(ctx context.Context, n int, p []byte) (bool, error) {
	return l.load(n, l.seek.QueryRowContext(ctx, n, p))
}

func (l *levels) load(n int, row *sql.Row) (bool, error) {
	var data []byte
	var sum uint32
	l.last = nil
	err := row.Scan(&l.id, &l.last, &data, &sum)
	if isNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, l.check(n, l.last, data, sum)
}

// check decodes the leaf that was read last. Errors: metrics.ErrCorrupt.
func (l *levels) check(n int, last, data []byte, sum uint32) error {
	if sum != leafSum(n, data) {
		return fmt.Errorf("%w: leaf %d of fingerprints", metrics.ErrCorrupt, l.id)
	}
	if err := l.leaf.decode(data); err != nil {
		return err
	}
	if end := l.leaf.fp(l.leaf.len() - 1); !bytes.Equal(last, end[:]) {
		return fmt.Errorf("%w: leaf %d of fingerprints ends elsewhere", metrics.ErrCorrupt, l.id)
	}
	return nil
}

// leafSum is the checksum of a leaf in a level.
func leafSum(level int, data []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte{byte(level)}), crc32.IEEETable, data)
}

// find calls use with the index of each fingerprint that was claimed, and the
// number of its batch, which may have been removed since. The fingerprints must
// ascend. It returns how many of them, from the first on, it has looked for in all
// levels; of others it may have found some. It begins with the level that has most
// leaves, so that it reads few in vain.
func (l *levels) find(ctx context.Context, fps []store.Fingerprint, use func(i int, seq int64) error) (int, error) {
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(l.all))) {
		done, err := l.findIn(ctx, n, fps, use)
		if err != nil {
			return 0, err
		}
		fps = fps[:done]
	}
	return len(fps), nil
}

// levelFor returns the level for new claims, of those that the last find has looked
// for, out of a call with so many: the lowest one that has few leaves where they
// belong, or else the uppermost that can hold all of the call.
func (l *levels) levelFor(claims, call int) int {
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(l.all))) {
		if l.found[n] <= claims/l.sizes.dense {
			return n
		}
	}
	return l.sizes.levelOf(call)
}

// findIn is find in one level.
func (l *levels) findIn(ctx context.Context, n int, fps []store.Fingerprint, use func(i int, seq int64) error) (int, error) {
	i, ok := 0, true
	var err error
	left := l.sizes.leaves
	for ok && i < len(fps) && left > 0 && err == nil {
		i, ok, err = l.findAlong(ctx, n, fps, i, &left, use)
	}
	l.found[n] = l.sizes.leaves - left
	if !ok {
		return len(fps), err
	}
	return i, err
}

// findAlong looks for fingerprints from the i-th on in the leaf of the first, and in
// those after it as long as each has some. It returns the index of the first that it
// has not looked for, and whether the level may have it.
func (l *levels) findAlong(ctx context.Context, n int, fps []store.Fingerprint, i int, left *int, use func(i int, seq int64) error) (int, bool, error) {
	rows, err := l.seek.QueryContext(ctx, n, fps[i][:])
	if err != nil {
		return i, true, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for first := true; i < len(fps) && *left > 0; first = false {
		if !rows.Next() {
			return i, false, rows.Err()
		}
		*left--
		if err := l.loadFrom(n, rows); err != nil {
			return i, true, err
		}
		if !first && fingerprints.Compare(&fps[i], l.leaf.fp(l.leaf.len()-1)) > 0 {
			break // there is a gap
		}
		for at := 0; i < len(fps); i++ {
			var found bool
			if at, found = l.leaf.find(at, &fps[i]); found {
				if err := use(i, l.leaf.seq(at)); err != nil {
					return i, true, err
				}
			} else if at == l.leaf.len() {
				break
			}
		}
	}
	return i, true, nil
}

// loadFrom is load for a row of a query for several. The leaf refers to the row.
func (l *levels) loadFrom(n int, rows *sql.Rows) error {
	var last, data sql.RawBytes
	var sum uint32
	if err := rows.Scan(&l.id, &last, &data, &sum); err != nil {
		return err
	}
	return l.check(n, last, data, sum)
}

// full returns the uppermost level that has too many claims, or -1.
func (l *levels) full() int {
	for _, n := range slices.Sorted(maps.Keys(l.all)) {
		if l.all[n].claims > l.sizes.capacity(n) {
			return n
		}
	}
	return -1
}

// move moves claims of the uppermost level that has too many to the next, after
// those that it moved before. What is left of a leaf when enough leaves were
// changed stays. The level may still have too many.
func (l *levels) move(ctx context.Context) error {
	n := l.full()
	if n < 0 {
		return nil
	}
	for lv, left := l.level(n), l.sizes.leaves; left > 0 && lv.claims > l.sizes.capacity(n); {
		ok, err := l.next(ctx, n, append(lv.moved, 0)) // the smallest key after moved
		if err != nil {
			return err
		}
		if !ok && lv.moved == nil {
			return fmt.Errorf("level %d has no leaf and %d fingerprints", n, lv.claims)
		}
		if !ok {
			lv.moved = nil
			continue
		}
		last, claims := l.last, l.merged(nil, true)
		if err := l.drop(ctx, n); err != nil {
			return err
		}
		rest, changed, err := l.mergeSome(ctx, n+1, claims, left)
		if err != nil {
			return err
		}
		left -= changed + 1
		if len(rest) > 0 {
			last = claims[len(claims)-len(rest)-1].fp[:]
			if err := l.replace(ctx, n, false, rest); err != nil {
				return err
			}
		}
		lv.moved = slices.Clone(last)
	}
	return nil
}

func (l *levels) level(n int) *level {
	if l.all[n] == nil {
		l.all[n] = &level{}
	}
	return l.all[n]
}

// merge puts claims, which must ascend and be new, into the leaves of a level.
func (l *levels) merge(ctx context.Context, n int, claims []claim) error {
	_, _, err := l.mergeSome(ctx, n, claims, math.MaxInt)
	return err
}

// mergeSome is merge, as far as it gets by changing a number of leaves, at least
// one. It returns the claims that are left, and how many leaves it has changed.
func (l *levels) mergeSome(ctx context.Context, n int, claims []claim, leaves int) (rest []claim, changed int, _ error) {
	for len(claims) > 0 && (changed == 0 || changed < leaves) {
		ok, err := l.next(ctx, n, claims[0].fp[:])
		count := len(claims)
		if ok {
			last := l.leaf.fp(l.leaf.len() - 1)
			count = sort.Search(count, func(i int) bool { return fingerprints.Compare(&claims[i].fp, last) > 0 })
		} else if err == nil {
			ok, err = l.end(ctx, n)
		}
		if err != nil {
			return nil, changed, err
		}
		if err := l.replace(ctx, n, ok, l.merged(claims[:count], ok)); err != nil {
			return nil, changed, err
		}
		claims = claims[count:]
		changed++
	}
	return claims, changed, nil
}

// end reads the last leaf of a level, if there is one.
func (l *levels) end(ctx context.Context, n int) (bool, error) {
	return l.load(n, l.tx.QueryRowContext(ctx, "SELECT id, last, data, sum FROM fingerprints WHERE level = ? ORDER BY last DESC LIMIT 1", n))
}

// merged returns claims and, if asked, those of the leaf that was read last,
// in order and without void ones.
func (l *levels) merged(claims []claim, withLeaf bool) []claim {
	if !withLeaf {
		return claims
	}
	all := make([]claim, 0, len(claims)+l.leaf.len())
	for i := range l.leaf.len() {
		c := claim{*l.leaf.fp(i), l.leaf.seq(i)}
		for len(claims) > 0 && fingerprints.Compare(&claims[0].fp, &c.fp) < 0 {
			all, claims = append(all, claims[0]), claims[1:]
		}
		if !l.freed[c.seq] {
			all = append(all, c)
		}
	}
	return append(all, claims...)
}

// replace writes claims instead of the leaf that was read last, if there was
// one.
func (l *levels) replace(ctx context.Context, n int, was bool, claims []claim) error {
	lv := l.level(n)
	if was {
		if err := l.drop(ctx, n); err != nil {
			return err
		}
	}
	lv.claims += int64(len(claims))
	leaves := (len(claims) + l.sizes.leaf - 1) / l.sizes.leaf
	for i := range leaves {
		part := claims[i*len(claims)/leaves : (i+1)*len(claims)/leaves]
		l.buffer = appendLeaf(l.buffer[:0], part)
		_, err := l.tx.ExecContext(ctx, "INSERT INTO fingerprints(level, last, data, sum) VALUES(?, ?, ?, ?)",
			n, part[len(part)-1].fp[:], l.buffer, leafSum(n, l.buffer))
		if err != nil {
			return err
		}
	}
	return nil
}

// drop deletes the leaf that was read last.
func (l *levels) drop(ctx context.Context, n int) error {
	l.level(n).claims -= int64(l.leaf.len())
	_, err := l.tx.ExecContext(ctx, "DELETE FROM fingerprints WHERE id = ?", l.id)
	return err
}

// save notes how full the levels are.
func (l *levels) save(ctx context.Context) error {
	for n, lv := range l.all {
		_, err := l.tx.ExecContext(ctx, "INSERT OR REPLACE INTO levels(level, claims, moved) VALUES(?, ?, ?)", n, lv.claims, lv.moved)
		if err != nil {
			return err
		}
	}
	return nil
}
