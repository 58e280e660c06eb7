package legacy

// AppendEvent is the conversion of one document.
var AppendEvent = appendEvent

// SetPage changes how many documents are held at a time.
func SetPage(s *Source, n int) { s.page = n }
