// Package texttable draws counts by event type as a table of plain text, and makes
// text from elsewhere plain.
package texttable
