package texttable

import "math"

// levels are the characters by height. Only zero has the lowest one, so that one
// event looks different from none.
var levels = [...]rune{'▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// PerCharacter returns how many of n numbers one character of a sparkline of
// width characters represents. A width of 0 or less means no limit.
func PerCharacter(n, width int) int {
	if width <= 0 || n <= width {
		return 1
	}
	return (n + width - 1) / width
}

// Sparkline returns a line of at most width characters whose heights are counts,
// from zero to the greatest. A width of 0 or less means one character for each
// count. If [PerCharacter] is more than 1, a character is the mean of that many
// counts. Counts below zero are drawn as zero.
func Sparkline(counts []int64, width int) string {
	means := condense(counts, PerCharacter(len(counts), width))
	most := 0.0
	for _, m := range means {
		most = max(most, m)
	}
	line := make([]rune, len(means))
	for i, m := range means {
		line[i] = levels[level(m, most)]
	}
	return string(line)
}

// level returns 0 for zero, and otherwise a level from 1 to the last.
func level(value, most float64) int {
	if value <= 0 {
		return 0
	}
	return max(1, int(math.Ceil(value/most*float64(len(levels)-1))))
}

// condense returns the mean of every step counts. The last may be of fewer.
func condense(counts []int64, step int) []float64 {
	means := make([]float64, 0, (len(counts)+step-1)/step)
	for start := 0; start < len(counts); start += step {
		part := counts[start:min(start+step, len(counts))]
		sum := 0.0
		for _, n := range part {
			sum += float64(max(n, 0))
		}
		means = append(means, sum/float64(len(part)))
	}
	return means
}
