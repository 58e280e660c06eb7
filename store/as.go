package store

// As finds the optional ability T in st: st itself has it, or what it wraps
// has. A store that wraps another offers it with a method Unwrap() Store.
func As[T any](st Store) (T, bool) {
	for st != nil {
		if t, ok := st.(T); ok {
			return t, true
		}
		u, ok := st.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		st = u.Unwrap()
	}
	var zero T
	return zero, false
}
