package cli_test

import (
	"strings"
	"testing"
)

// completed returns what the last word may become.
func completed(t *testing.T, words ...string) string {
	t.Helper()
	r, err := runs(t, append(words, "--generate-shell-completion")...)
	if err != nil || r.command != "" || r.err.Len() > 0 {
		t.Errorf("%q: runs %q, prints %q, %v", words, r.command, r.err.String(), err)
	}
	var found []string
	for line := range strings.Lines(r.out.String()) {
		word, _, _ := strings.Cut(line, "\t")
		found = append(found, word)
	}
	return strings.Join(found, " ")
}

func TestCompletion(t *testing.T) {
	for _, tc := range []struct {
		line string // words, the last of which may be empty
		want string
	}{
		{"", "serve upload man completion help"},
		{"up", "upload"},
		{"nothing", ""},
		{"upload ", ""},
		{"upload -", "-loud -of -help"},
		{"upload --l", "--loud"},
		{"upload a -o", "-of"},
		{"upload -of ", ""},
		{"-v", "-version"},
		{"completion ", "bash fish zsh"},
		{"completion b", "bash"},
		{"completion bash ", ""},
		{"upload -- -l", ""},
		{"-loud up", "upload"},
	} {
		if got := completed(t, strings.Split(tc.line, " ")...); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.line, got, tc.want)
		}
	}
}
