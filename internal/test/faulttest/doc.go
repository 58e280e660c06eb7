// Package faulttest has no code: its tests put a network that fails between a
// server and its MongoDB and Redis (slow, cut, silent, gone), while clients
// upload, process and query, and recount what is left.
//
// The laws: nothing that was accepted is lost, nothing counts twice, no
// request hangs past its deadline, and the server goes on by itself when the
// network does.
package faulttest
