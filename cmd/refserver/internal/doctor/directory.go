package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// leastFree is the room below which SQLite may not be able to finish what it
// has begun.
const leastFree = 64 << 20

// directory checks DATA_DIR.
func (c *checkup) directory(context.Context) {
	const check = "data directory"
	if !c.embedded() {
		c.say(OK, check, "not used: all is in MongoDB and Redis")
		return
	}
	info, err := os.Stat(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		c.missing(check)
		return
	}
	switch {
	case err != nil:
		c.say(Fail, check, "%v: let DATA_DIR name a directory that can be read", err)
		return
	case !info.IsDir():
		c.say(Fail, check, "%s is no directory: let DATA_DIR name one", c.DataDir)
		return
	}
	c.locks()
	if err := writable(c.DataDir); err != nil {
		c.say(Fail, check, "cannot be written: %v: change its owner or its permissions", err)
		return
	}
	free, known := freeBytes(c.DataDir)
	switch {
	case known && free < leastFree:
		c.say(Fail, check, "%s has %d MiB of free space: make room", c.DataDir, free>>20)
	case known && free < c.MaxUploadBytes:
		c.say(Warn, check, "%s has %d MiB of free space, less than the greatest file (MAX_UPLOAD_BYTES): make room", c.DataDir, free>>20)
	case known:
		c.say(OK, check, "%s can be written, %d MiB free", c.DataDir, free>>20)
	default:
		c.say(OK, check, "%s can be written", c.DataDir)
	}
	if c.locked {
		c.say(OK, "lock", "a server has it")
	} else {
		c.say(OK, "lock", "no server runs here")
	}
}

// missing checks whether the directory could be made.
func (c *checkup) missing(check string) {
	parent, err := filepath.Abs(c.DataDir)
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
		c.say(Fail, check, "%s is not there and cannot be made: %v", c.DataDir, err)
		return
	}
	c.say(OK, check, "%s is not there yet; the server makes it", c.DataDir)
}

// writable tries with a file of no name that anything else has.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
