//go:build unix

package testenv

import (
	"fmt"
	"syscall"
)

func (p *process) pause() error { return p.send(syscall.SIGSTOP) }

func (p *process) resume() error { return p.send(syscall.SIGCONT) }

func (p *process) send(sig syscall.Signal) error {
	if err := syscall.Kill(p.pid, sig); err != nil {
		return fmt.Errorf("testenv: signal the server: %w", err)
	}
	return nil
}
