package sqlitestore

// UseSmallLeaves makes few fingerprints as many leaves and levels as else
// millions are.
func (s *Store) UseSmallLeaves() { s.sizes = sizes{leaf: 4, level: 16} }
