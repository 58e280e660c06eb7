package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/store/internal/heartbeat"
)

// startHeart keeps the Writers of this process alive. The beat of an upload is the
// time when it was touched last, which changes each time.
func (s *Store) startHeart(o *Options) {
	opts := heartbeat.Options[int64]{Pulse: s.pulse, Log: s.log}
	if o != nil {
		opts.Every = o.Heartbeat
	}
	s.heart = heartbeat.Start(opts)
}

// pulse touches unfinished uploads and returns the beats of all.
func (s *Store) pulse(ctx context.Context, own []int64) (map[int64]int64, error) {
	beats := map[int64]int64{}
	if len(own) == 0 {
		err := s.view(ctx, func(tx *sql.Tx) error { return readBeats(ctx, tx, beats) })
		return beats, err
	}
	err := s.update(ctx, unsynced, func(tx *sql.Tx) error {
		for _, seq := range own {
			if _, err := s.touch(ctx, tx, seq); err != nil {
				return err
			}
		}
		return readBeats(ctx, tx, beats)
	})
	return beats, err
}

// touch shows that the Writer of an unfinished upload is alive. It returns false if
// the Writer has none any more.
func (s *Store) touch(ctx context.Context, tx *sql.Tx, seq int64) (bool, error) {
	return changed(tx.ExecContext(ctx,
		"UPDATE unfinished SET touched = max(touched + 1, ?) WHERE seq = ? AND batch_id IS NOT NULL", s.now().UnixMilli(), seq))
}

func readBeats(ctx context.Context, tx *sql.Tx, beats map[int64]int64) error {
	rows, err := tx.QueryContext(ctx, "SELECT seq, touched FROM unfinished WHERE batch_id IS NOT NULL")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var seq, touched int64
		if err := rows.Scan(&seq, &touched); err != nil {
			return err
		}
		beats[seq] = touched
	}
	return rows.Err()
}
