package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Whatever calls do that share a transaction, each has its own outcome: what it wrote
// is there if it has returned nil, and nothing of it if it has returned an error.
func TestCallsThatShareATransactionHaveTheirOwnOutcome(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "e.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.writer.ExecContext(t.Context(), "CREATE TABLE outcomes(call INTEGER, part INTEGER, PRIMARY KEY(call, part))"); err != nil {
		t.Fatal(err)
	}
	calls := 0
	rapid.Check(t, func(rt *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"writes", "writes", "fails", "breaks", "ends", "ended", "alone"}), 1, 40).Draw(rt, "calls")
		errs := make([]error, len(kinds))
		first := calls
		calls += len(kinds)
		hold := make(chan struct{}) // so that the others gather behind the first
		var all sync.WaitGroup
		for i, kind := range kinds {
			all.Go(func() { errs[i] = outcome(t.Context(), s, first+i, kind, hold) })
		}
		close(hold)
		all.Wait()
		for i, kind := range kinds {
			if wrong := (kind == "writes" || kind == "alone") != (errs[i] == nil); wrong {
				rt.Errorf("a call that %s: %v", kind, errs[i])
			}
			var parts int
			if err := s.reader.QueryRowContext(t.Context(), "SELECT count(*) FROM outcomes WHERE call = ?", first+i).Scan(&parts); err != nil {
				rt.Fatal(err)
			}
			want := 0
			if errs[i] == nil {
				want = 2
			}
			if parts != want {
				rt.Errorf("a call that %s (%v) has written %d parts, want %d", kind, errs[i], parts, want)
			}
		}
	})
	if len(s.turns.all) != 0 {
		t.Errorf("%d calls still wait", len(s.turns.all))
	}
}

// outcome writes two parts, with what kind does between them.
func outcome(ctx context.Context, s *Store, call int, kind string, hold <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	<-hold
	if kind == "ended" {
		cancel()
	}
	between := func(tx *sql.Tx) error {
		switch kind {
		case "fails":
			return errors.New("failed")
		case "ends":
			cancel()
		case "breaks": // as SQLite does when the disk is full
			_, err := tx.ExecContext(ctx, "ROLLBACK")
			return errors.Join(errors.New("broken"), err)
		}
		return nil
	}
	run := s.share
	if kind == "alone" {
		run = s.update
	}
	return run(ctx, synced, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO outcomes VALUES(?, 1)", call); err != nil {
			return err
		}
		if err := between(tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO outcomes VALUES(?, 2)", call)
		return err
	})
}

// A call that waits leaves when its ctx ends, though another holds the file.
func TestACallThatWaitsEndsWithItsContext(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "e.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	entered, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.update(t.Context(), unsynced, func(*sql.Tx) error { close(entered); <-leave; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-entered
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	ran := false
	err = s.share(ctx, unsynced, func(*sql.Tx) error { ran = true; return nil })
	if !errors.Is(err, context.Canceled) || ran {
		t.Errorf("it ran: %v, %v", ran, err)
	}
	close(leave)
	all.Wait()
}

// After a panic the next call goes on.
func TestACallThatPanicsEndsItsTurn(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "e.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	func() {
		defer func() {
			if r := recover(); fmt.Sprint(r) != "thrown" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = s.share(t.Context(), unsynced, func(*sql.Tx) error { panic("thrown") })
	}()
	if err := s.share(t.Context(), unsynced, func(*sql.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}
