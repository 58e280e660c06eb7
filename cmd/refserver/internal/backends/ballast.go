package backends

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// ballastSize is the disk space that SQLite needs to open its files, even to
// read only, and to write a few rows.
const ballastSize = 512 << 10

// holdBallast keeps a file in a data directory which holds the space that a start
// needs. If the disk is full, it removes the file, so that the server can start
// and answer queries. The next start with room writes it again.
func holdBallast(dir string) error {
	path := filepath.Join(dir, "ballast")
	free, _, err := sqlitestore.FreeSpace(dir)
	if err != nil {
		return nil //nolint:nilerr // the system does not tell, so the disk is not known to be full
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("hold space in DATA_DIR: %w", err)
	}
	held := err == nil && info.Size() == ballastSize
	switch {
	case free < ballastSize && err == nil:
		err = os.Remove(path)
	case free < 2*ballastSize || held:
		err = nil
	default:
		err = os.WriteFile(path, make([]byte, ballastSize), 0o600)
	}
	if err != nil {
		return fmt.Errorf("hold space in DATA_DIR: %w", err)
	}
	return nil
}
