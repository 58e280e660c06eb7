package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// FillDisk writes a file in dir until not a byte fits. The function that it
// returns removes the file.
func FillDisk(t testing.TB, dir string) (release func()) {
	t.Helper()
	f, err := os.CreateTemp(dir, "other-*")
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	_ = f.Close()
	return func() {
		if err := os.Remove(filepath.Join(dir, filepath.Base(f.Name()))); err != nil {
			t.Error(err)
		}
	}
}
