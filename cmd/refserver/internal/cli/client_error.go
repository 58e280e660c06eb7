package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// ErrNoServer means that nobody listens at the address.
var ErrNoServer = errors.New("no server")

// Error is an answer that is not a success.
type Error struct {
	// Status is that of HTTP.
	Status int `json:"-"`
	// RetryAfter is how long to wait before trying again, 0 if the server does
	// not say.
	RetryAfter time.Duration `json:"-"`
	// Code is the server's; "" if the answer is somebody else's.
	Code string `json:"code"`
	// Detail says in words what is wrong.
	Detail string `json:"detail"`
	// Failed is the number of rejected rows.
	Failed int64 `json:"failed_count"`
	// Rows are the first of them.
	Rows []RowError `json:"errors"`
}

// Error returns what the server says, and the status.
func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("the answer is %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s (%d)", e.Detail, e.Status)
}

// Temporary reports whether the same request may succeed in a while.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Code == "in_flight"
}

// maxProblem bounds what is read of an answer that is not a success.
const maxProblem = 4 << 20

func readError(res *http.Response) error {
	e := &Error{}
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem)) // the status says enough
	if json.Unmarshal(text, e) != nil {
		e = &Error{} // somebody else's, such as a proxy's page
	}
	e.Status = res.StatusCode
	e.RetryAfter = retryAfter(res.Header.Get("Retry-After"))
	return e
}

// retryAfter reads seconds or a date.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
