package columnar

// budget bounds the memory of all dictionaries of an Encoder, in bytes.
type budget struct{ left int }

func (b *budget) take(n int) bool {
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

func (b *budget) give(n int) { b.left += n }
