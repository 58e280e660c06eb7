// Package client speaks to the HTTP API of a server.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New returns a Client for the server at address, such as
// http://127.0.0.1:3000 or the address of a prefix it is mounted under. The
// address that a server prints at its start, with the token behind it, will
// do; token goes before that one.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("want http://host:port") // what was given may have a secret in it
	}
	if token == "" {
		token, _ = strings.CutPrefix(u.Fragment, "token=")
	}
	return &Client{
		base:  &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path},
		token: token,
		// A redirected upload would be sent as something else, and to somebody
		// else the token must not go.
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// HasToken reports whether the Client has a token to show.
func (c *Client) HasToken() bool { return c.token != "" }

// URL returns the address of a path of the API.
func (c *Client) URL(elem ...string) string { return c.base.JoinPath(elem...).String() }

// request returns a request with the token.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("client: make request: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// do sends a request; the caller closes the body. Errors: *[Error] for every
// status but those of success; [ErrNoServer].
func (c *Client) do(req *http.Request) (*http.Response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address, which the user knows
		}
		_, local := errors.AsType[*fs.PathError](err) // of the file that is sent
		cause, system := errors.AsType[syscall.Errno](err)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("%w at %s", ErrNoServer, c.base.Host)
		case system && !local:
			return nil, fmt.Errorf("client: connection lost: %w", cause)
		}
		return nil, fmt.Errorf("client: %w", err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close() //nolint:errcheck // it was only read
		return nil, readError(res)
	}
	return res, nil
}

// Get returns the answer to a query, which the caller closes. Errors: *[Error];
// [ErrNoServer].
func (c *Client) Get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	req, err := c.request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.do(req)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func decode(body io.Reader, v any) error {
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("client: read answer: %w", err)
	}
	return nil
}
