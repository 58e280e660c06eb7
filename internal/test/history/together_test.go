package history_test

import (
	"fmt"
	"net/http"
	"sync"
)

// opTogether does something while the server audits and reprocesses, which must
// find nothing. What is processed meanwhile may be broken down or not, and is so
// after another reprocess.
func (h *history) opTogether() error {
	if err := h.makeRoom(); err != nil {
		return err
	}
	if err := h.opReprocess(); err != nil { // so that another one breaks down nothing
		return err
	}
	h.note("audits and reprocesses beside what follows")
	var beside sync.WaitGroup
	stop, found := make(chan struct{}), make([]error, 2)
	server := h.server
	for i, path := range []string{"/admin/integrity", "/admin/reprocess"} {
		beside.Go(func() { found[i] = h.repeat(server, path, stop) })
	}
	err := pick(h.rng, []func() error{h.opErase, h.opErase, h.opErase, h.opDelete, h.opUpload, h.opProcess})()
	close(stop)
	beside.Wait()
	for _, finding := range found {
		if err == nil {
			err = finding
		}
	}
	if err != nil {
		return err
	}
	return h.reprocess(true)
}

// repeat asks for a check of the ledger once and until stop is closed, a few
// times at most.
func (h *history) repeat(s *server, path string, stop chan struct{}) error {
	for range 4 {
		a, err := s.send(h.ctx, &request{method: http.MethodPost, path: path})
		if err != nil {
			return nil //nolint:nilerr // the server was killed
		}
		var got struct {
			OK        *bool `json:"ok"`
			Drifted   int   `json:"drifted_count"`
			WrongDays []any `json:"wrong_days"`
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("POST %s: %s", path, a)
		}
		if err := a.into(&got); err != nil {
			return err
		}
		if got.OK != nil && !*got.OK || got.Drifted > 0 || len(got.WrongDays) > 0 {
			return fmt.Errorf("POST %s beside another operation: %s", path, a)
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
	return nil
}
