package texttable

import "math"

// levels are the characters by height. The lowest stands for zero alone, so
// that one event can be told from none.
var levels = [...]rune{'▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// Step returns how many of n numbers share a character where the line may have
// width characters. A width of 0 or less means any.
func Step(n, width int) int {
	if width <= 0 || n <= width {
		return 1
	}
	return (n + width - 1) / width
}

// Line draws counts from zero to the greatest of them in at most width
// characters; a width of 0 or less means one for each. Where [Step] is more
// than 1, a character is the mean of that many. Counts below zero are drawn as
// zero.
func Line(counts []int64, width int) string {
	means := condense(counts, Step(len(counts), width))
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

// level is 0 for nothing, and else from 1 to the last.
func level(value, most float64) int {
	if value <= 0 {
		return 0
	}
	return max(1, int(math.Ceil(value/most*float64(len(levels)-1))))
}

// condense returns the means of each step counts; the last may be of fewer.
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
