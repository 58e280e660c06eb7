package store

// As returns the optional interface T of st, or of the first store that st
// wraps and that implements T. A store that wraps another has a method
// Unwrap() Store.
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
