package cli

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

// client sends requests to the HTTP API of one server. It is safe for
// concurrent use.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// newClient returns a client for the server at address, such as
// http://127.0.0.1:3000 or the prefix under which the API is mounted. The
// address that a server prints at startup, with the token in its fragment, works
// too; a token given explicitly takes precedence.
func newClient(address, token string) (*client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("want http://host:port") // address may contain a secret
	}
	if token == "" {
		token, _ = strings.CutPrefix(u.Fragment, "token=")
	}
	return &client{
		base:  &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path},
		token: token,
		// Following a redirect could change the method of an upload, or send the
		// token to another server.
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// request returns a request that carries the token. The path has escaped elements.
// One that is empty or has only dots, as of an id that is missing, is an error: it
// would name another resource.
func (c *client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	for element := range strings.SplitSeq(path, "/") {
		if strings.Trim(element, ".") == "" {
			return nil, errors.New("no id")
		}
	}
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("create request: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// do sends a request; the caller closes the body. Errors: *[serverError] for
// every status other than success; [errNoServer].
func (c *client) do(req *http.Request) (*http.Response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address, which the user knows
		}
		_, local := errors.AsType[*fs.PathError](err) // reading the file failed
		cause, system := errors.AsType[syscall.Errno](err)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("%w at %s", errNoServer, c.base.Host)
		case system && !local:
			return nil, fmt.Errorf("connection lost: %w", cause)
		}
		return nil, fmt.Errorf("send request: %w", err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close() //nolint:errcheck // it was only read
		return nil, readError(res)
	}
	return res, nil
}

// get returns the body of an answer; the caller closes it. Errors:
// *[serverError]; [errNoServer].
func (c *client) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
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

// read decodes an answer into v. Errors: *[serverError]; [errNoServer].
func (c *client) read(ctx context.Context, path string, query url.Values, v any) error {
	body, err := c.get(ctx, path, query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	return decode(body, v)
}

// send sends a request without a body and ignores the answer. Errors:
// *[serverError]; [errNoServer].
func (c *client) send(ctx context.Context, method, path string) error {
	req, err := c.request(ctx, method, path, nil, nil)
	if err != nil {
		return err
	}
	res, err := c.do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func decode(body io.Reader, v any) error {
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
