package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serverError is an answer with a status other than success.
type serverError struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// RetryAfter is how long to wait before the next attempt; 0 if the server
	// does not say.
	RetryAfter time.Duration `json:"-"`
	// Code is the error code of the API; "" if the answer has none, such as one
	// from a proxy.
	Code string `json:"code"`
	// Detail describes the error.
	Detail string `json:"detail"`
	// Rejected is the number of rejected rows.
	Rejected int64 `json:"failed_count"`
	// Rows are the first rejected rows.
	Rows []rowError `json:"errors"`
	problemMembers
}

// Error returns the detail and the status.
func (e *serverError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s (%d)", e.Detail, e.Status)
}

// temporary reports whether the same request may succeed later.
func (e *serverError) temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Code == "in_flight"
}

// maxProblem bounds how many bytes of an error answer are read.
const maxProblem = 4 << 20

func readError(res *http.Response) error {
	e := &serverError{}
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem)) // the status is enough
	if json.Unmarshal(text, e) != nil {
		e = &serverError{} // not from the API: perhaps the page of a proxy
	}
	e.Status = res.StatusCode
	e.RetryAfter = retryAfter(res.Header.Get("Retry-After"))
	return e
}

// retryAfter parses seconds or a date.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
