package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
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
		http: &http.Client{Transport: transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
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
// every status other than success; *[unreachableError].
func (c *client) do(req *http.Request) (*http.Response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address, which the user knows
		}
		return nil, c.unanswered(err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close() //nolint:errcheck // it was only read
		if res.StatusCode == http.StatusUnauthorized && c.token == "" {
			return nil, Usagef("ADMIN_TOKEN (-admin-token): required; a server without one prints its token at startup and keeps it in DATA_DIR")
		}
		return nil, readError(res)
	}
	return res, nil
}

// unanswered returns the error for a request that got no answer.
func (c *client) unanswered(err error) error {
	op, network := errors.AsType[*net.OpError](err)
	if network && op.Op == "dial" {
		return &unreachableError{fmt.Sprintf("no server at %s (%s)", c.base.Host, reason(op.Err)), true}
	}
	if _, local := errors.AsType[*fs.PathError](err); local { // reading the file failed
		return fmt.Errorf("send request: %w", err)
	}
	if cause, system := errors.AsType[syscall.Errno](err); system {
		return &unreachableError{"connection lost: " + cause.Error(), false}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &unreachableError{"connection lost", false}
	}
	return fmt.Errorf("send request: %w", err)
}

// reason returns why a connection failed, without the names of system calls.
func reason(err error) string {
	if cause, ok := errors.AsType[syscall.Errno](err); ok {
		return cause.Error()
	}
	return err.Error()
}

// dialTimeout bounds how long a server that does not answer is waited for.
const dialTimeout = 5 * time.Second

// transport returns the default one, which gives up sooner.
func transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is documented to be one
	t.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	return t
}

// get returns the body of an answer; the caller closes it. Errors:
// *[serverError]; *[unreachableError].
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

// read decodes an answer into v. Errors: *[serverError]; *[unreachableError].
func (c *client) read(ctx context.Context, path string, query url.Values, v any) error {
	body, err := c.get(ctx, path, query)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	return decode(body, v)
}

// send sends a request without a body and ignores the answer. Errors:
// *[serverError]; *[unreachableError].
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
