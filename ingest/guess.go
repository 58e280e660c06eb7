package ingest

import "strings"

// guesses finds for each missing name the found one that may be meant: the
// same letters and digits, or few changes away.
func guesses(missing, found []string) map[string]string {
	var out map[string]string
	for _, want := range missing {
		best, least := "", 1+len(want)/3
		for _, name := range found {
			if d := distance(letters(want), letters(name)); d < least {
				best, least = name, d
			}
		}
		if best == "" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[want] = best
	}
	return out
}

// letters keeps the letters and digits of a name, in lower case.
func letters(name string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" _-.\t\"'", c) {
			return -1
		}
		return c
	}, strings.ToLower(name))
}

// distance returns how many bytes must be put in, dropped or changed to make b
// of a (Levenshtein).
func distance(a, b string) int {
	costs := make([]int, len(b)+1)
	for j := range costs {
		costs[j] = j
	}
	for i := range len(a) {
		diagonal := costs[0]
		costs[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = costs[j+1]
			costs[j+1] = min(change, costs[j]+1, diagonal+1)
		}
	}
	return costs[len(b)]
}
