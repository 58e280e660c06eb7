package history_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// ownMounts runs the tests again in a process whose mounts nobody else sees and
// that end with it, and returns its exit code. It returns false in that process,
// and where that is not allowed.
func ownMounts() (code int, done bool) {
	const variable = "HISTORY_MOUNTS"
	if os.Getenv(variable) != "" {
		return 0, false
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), variable+"=own")
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdin, os.Stdout, os.Stderr, attr
	err := cmd.Start()
	if err != nil {
		return 0, os.Setenv(variable, "none") != nil
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), true
	}
	return 0, err == nil
}

// smallDisk returns a directory on a disk of its own, or on a usual one where
// none can be mounted.
func smallDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{dir: t.TempDir()}
	if os.Getenv("HISTORY_MOUNTS") != "own" {
		return d
	}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Logf("histories without a full disk: %v", err)
		return d
	}
	d.small = true
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

// disk is a directory that can be full.
type disk struct {
	dir   string
	small bool
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves so many bytes free.
func (d *disk) fill(free int64) (err error) {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block, size := make([]byte, 64<<10), int64(0)
	for {
		n, err := f.Write(block)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			return f.Truncate(max(size-free, 0))
		}
		if err != nil {
			return err
		}
	}
}

// empty makes room again.
func (d *disk) empty() error { return os.Remove(d.ballast()) }
