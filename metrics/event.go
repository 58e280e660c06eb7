package metrics

import "time"

// Event is one accepted row of a batch.
//
// The strings of an Event never change and may be kept. They may share memory
// with a large part of the file, so clone the few that are kept for long. The
// Fields slice belongs to the function that provides the Event and is only
// valid as long as that function documents.
type Event struct {
	// Row is the 1-based number of the data row in its file. It is unique in
	// a batch and ascending in the order of the file.
	Row int64
	// ID is the value of the event id column; empty when the file has none.
	ID string
	// Type is the event type; never empty in an accepted event.
	Type string
	// Time is the moment of the event, in UTC.
	Time time.Time
	// Fields are the other columns, in file order.
	Fields []Field
}

// Field is the name and the value of a column. Package ingest gives a column one
// name, however its file spells it: ingest.ColumnName.
type Field struct {
	Name, Value string
}

// Field returns the value of the field called name, or "" when the event has
// no such field.
func (e *Event) Field(name string) string {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value
		}
	}
	return ""
}
