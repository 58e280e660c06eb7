// Package faulttest contains only tests. They put a faulty network (slow, cut,
// silent, down) between a server and its MongoDB and Redis while clients upload,
// process and query, and compare the result with a recount.
//
// The rules: nothing that was accepted is lost, nothing counts twice, no request
// outlasts its deadline, and the server recovers without a restart.
//
// Add a test here for what a backend that fails or hangs must not cause.
package faulttest
