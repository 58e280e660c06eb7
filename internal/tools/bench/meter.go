package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meter takes one measurement in this process.
type meter struct {
	*config
	dir      string // of this measurement
	fixtures string // of all measurements of the tables
	result   result
	closers  []func() error
}

// later calls f when the measurement is over.
func (m *meter) later(f func() error) { m.closers = append(m.closers, f) }

func (m *meter) close() error {
	var errs []error
	for _, f := range slices.Backward(m.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// path returns that of a new file of this measurement.
func (m *meter) path(name string) string { return filepath.Join(m.dir, name) }

// fixture returns the path of a file that was prepared for all.
func (m *meter) fixture(name string) string { return filepath.Join(m.fixtures, name) }

// time measures f, which handles n things: how many a second, and their CPU time, in
// microseconds each, in this process and its children.
func (m *meter) time(n float64, f func() error) error {
	runtime.GC() // that of what came before
	cpu, start := ownCPU(), time.Now()
	if err := f(); err != nil {
		return err
	}
	took, used := time.Since(start), ownCPU()-cpu
	m.result["rate"] = n / took.Seconds()
	m.result["cpu"] = float64(used.Nanoseconds()) / 1000 / n
	if peak, ok := peakMemory(); ok {
		m.result["peak"] = peak
	}
	return nil
}

// ownCPU returns the CPU time of this process and of its children that have ended.
func ownCPU() (all time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			all += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return all
}

// peakMemory returns the greatest resident size of this process so far, in MiB.
func peakMemory() (float64, bool) {
	kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/self/status", "VmHWM"), " kB"), 64)
	return kilobytes / 1024, err == nil
}

// procField returns the value of a line "name: value", or "".
func procField(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "" // not on this system
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// cpuOf returns the CPU time of another process, which must run.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, i := range []int{11, 12} { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// machine says when and on what it was measured.
func machine() string {
	model := procField("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	memory, _ := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 64)
	return fmt.Sprintf("Measured on %s with %s: %d cores of %s, %.0f GiB of memory, %s. Medians, and in\nbrackets the least and the greatest of the measurements.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), model, memory/(1<<20), runtime.GOOS)
}
