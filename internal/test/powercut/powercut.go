// Package powercut loses what SQLite has written and not yet synced, as a cut of
// the power does.
//
// It wraps the default VFS of modernc.org/sqlite for the whole process: after
// each sync of a file below a directory that is watched, the file is copied. A
// file that was never synced does not survive. This is the worst that a power
// cut may do: a real one may keep more.
package powercut

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite "modernc.org/sqlite/lib"
)

// Dir is a directory of which the synced contents are kept.
type Dir struct {
	path string

	mu     sync.Mutex
	synced map[string][]byte // by name
	err    error
}

// Watch returns a new directory for databases that are opened after the call. The
// end of the test removes it.
func Watch(t testing.TB) *Dir {
	t.Helper()
	wrap()
	path, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &Dir{path: path, synced: map[string][]byte{}}
	watched.Store(path, d)
	t.Cleanup(func() { watched.Delete(path) })
	return d
}

// Path returns the path of a file in the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Cut returns the directory as it is after a cut of the power at this moment: a
// new one, watched too, while d goes on.
func (d *Dir) Cut(t testing.TB) *Dir {
	t.Helper()
	after := Watch(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		t.Fatal(d.err)
	}
	for name, content := range d.synced {
		after.synced[name] = content
		if err := os.WriteFile(after.Path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return after
}

// keep keeps a file as it was synced.
func (d *Dir) keep(path string) {
	content, err := os.ReadFile(path)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.err = errors.Join(d.err, fmt.Errorf("powercut: %w", err))
		return
	}
	d.synced[filepath.Base(path)] = content
}

// forget forgets a file that was deleted.
func (d *Dir) forget(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.synced, filepath.Base(path))
}

// watched has the *Dir of each path.
var watched sync.Map

func dirOf(path string) *Dir {
	d, ok := watched.Load(filepath.Dir(path))
	if !ok {
		return nil
	}
	return d.(*Dir)
}

// The methods of the VFS and of its files as Go sees them.
type (
	openFunc   = func(tls *libc.TLS, vfs, path, file uintptr, flags int32, outFlags uintptr) int32
	deleteFunc = func(tls *libc.TLS, vfs, path uintptr, syncDir int32) int32
	fileFunc   = func(tls *libc.TLS, file uintptr) int32
	syncFunc   = func(tls *libc.TLS, file uintptr, flags int32) int32
)

// at returns what an address of SQLite's own memory holds.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// function makes a function of the address that stands for one, and address the
// other way round.
func function[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

func address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// files has the watchedFile of each open file, by its address.
var files sync.Map

type watchedFile struct {
	path  string
	dir   *Dir
	sync  syncFunc
	close fileFunc
}

// These must not be collected: SQLite has their addresses only.
var (
	openWatched   openFunc
	deleteWatched deleteFunc
	syncWatched   syncFunc = syncAndKeep
	closeWatched  fileFunc = closeAndForget
)

// wrap replaces methods of the default VFS.
var wrap = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	vfs := at[sqlite.Tsqlite3_vfs](sqlite.Xsqlite3_vfs_find(tls, 0))
	open, remove := function[openFunc](vfs.FxOpen), function[deleteFunc](vfs.FxDelete)
	openWatched = func(tls *libc.TLS, vfs, path, file uintptr, flags int32, outFlags uintptr) int32 {
		rc := open(tls, vfs, path, file, flags, outFlags)
		if rc == sqlite.SQLITE_OK && path != 0 {
			watchFile(tls, libc.GoString(path), file)
		}
		return rc
	}
	deleteWatched = func(tls *libc.TLS, vfs, path uintptr, syncDir int32) int32 {
		rc := remove(tls, vfs, path, syncDir)
		name := libc.GoString(path)
		if d := dirOf(name); d != nil && rc == sqlite.SQLITE_OK {
			d.forget(name)
		}
		return rc
	}
	vfs.FxOpen, vfs.FxDelete = address(openWatched), address(deleteWatched)
})

// watchFile gives a file that was opened below a watched directory methods that
// keep it.
func watchFile(tls *libc.TLS, path string, file uintptr) {
	d := dirOf(path)
	if d == nil {
		return
	}
	base := at[sqlite.Tsqlite3_file](file)
	methods := at[sqlite.Tsqlite3_io_methods](base.FpMethods)
	files.Store(file, &watchedFile{path: path, dir: d, sync: function[syncFunc](methods.FxSync), close: function[fileFunc](methods.FxClose)})
	// In memory of SQLite, where -race expects it; freed with the process.
	replaced := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*methods)))
	*at[sqlite.Tsqlite3_io_methods](replaced) = *methods
	at[sqlite.Tsqlite3_io_methods](replaced).FxSync = address(syncWatched)
	at[sqlite.Tsqlite3_io_methods](replaced).FxClose = address(closeWatched)
	base.FpMethods = replaced
}

func opened(file uintptr) *watchedFile {
	f, _ := files.Load(file)
	return f.(*watchedFile)
}

func syncAndKeep(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := opened(file)
	rc := f.sync(tls, file, flags)
	if rc == sqlite.SQLITE_OK {
		f.dir.keep(f.path)
	}
	return rc
}

func closeAndForget(tls *libc.TLS, file uintptr) int32 {
	f := opened(file)
	files.Delete(file)
	return f.close(tls, file)
}
