// Package rollup keeps the ledger and the daily sums of it in MongoDB.
package rollup
