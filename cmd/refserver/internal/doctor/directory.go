package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// directory checks DATA_DIR.
func (c *checkup) directory(context.Context) {
	const check = "data directory"
	if !c.Backends.Embedded() {
		c.say(OK, check, "not used: all data is in MongoDB and Redis")
		return
	}
	info, err := os.Stat(c.Backends.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		c.missing(check)
		return
	}
	switch {
	case err != nil:
		c.say(Fail, check, "%v: set DATA_DIR to a readable directory", err)
		return
	case !info.IsDir():
		c.say(Fail, check, "%s is not a directory: set DATA_DIR to one", c.Backends.DataDir)
		return
	}
	c.lock()
	if err := writable(c.Backends.DataDir); err != nil {
		c.say(Fail, check, "not writable: %v: change its owner or permissions", err)
		return
	}
	free, reserve, err := sqlitestore.FreeSpace(c.Backends.DataDir)
	known := err == nil
	switch {
	case known && free < reserve:
		c.say(Fail, check, "%s has only %d MiB of free space, and uploads leave %d MiB: free some", c.Backends.DataDir, free>>20, reserve>>20)
	case known && free < c.Service.MaxUploadBytes:
		c.say(Warn, check, "%s has %d MiB of free space, less than MAX_UPLOAD_BYTES: free some", c.Backends.DataDir, free>>20)
	case known:
		c.say(OK, check, "%s is writable, %d MiB free", c.Backends.DataDir, free>>20)
	default:
		c.say(OK, check, "%s is writable", c.Backends.DataDir)
	}
	if c.locked {
		c.say(OK, "lock", "held by a running server")
	} else {
		c.say(OK, "lock", "free: no server is running")
	}
}

// missing checks whether the server could create the directory.
func (c *checkup) missing(check string) {
	parent, err := filepath.Abs(c.Backends.DataDir)
	for err == nil {
		parent = filepath.Dir(parent)
		if _, err := os.Stat(parent); err == nil || parent == filepath.Dir(parent) {
			break
		}
	}
	if err == nil {
		err = writable(parent)
	}
	if err != nil {
		c.say(Fail, check, "%s does not exist and cannot be created: %v", c.Backends.DataDir, err)
		return
	}
	c.say(OK, check, "%s does not exist yet; the server will create it", c.Backends.DataDir)
}

// writable creates and removes a file with a unique name.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
