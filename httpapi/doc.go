// Package httpapi serves an eventmetrics.Service as one http.Handler.
//
// The handler can be mounted under any prefix with http.StripPrefix; the links
// in its answers follow. A program that ends calls [Handler.Drain] before
// http.Server.Shutdown, or registers it with RegisterOnShutdown: otherwise an open
// dashboard delays the end for as long as Shutdown waits. Answers are JSON with snake_case names and RFC 3339
// times in UTC; errors are problem details (RFC 9457) with a code from the
// closed list of the Code constants. openapi.yaml, served at /openapi.yaml and as
// a page at /docs, describes each endpoint; docs/http.md explains the ideas.
package httpapi
