package legacy

// AppendEvent is the conversion of one document.
var AppendEvent = appendEvent

// SetPage changes how many documents are in memory at once.
func SetPage(s *Source, n int) { s.page = n }
