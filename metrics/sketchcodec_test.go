package metrics

import (
	"strconv"
	"testing"
)

func TestListSizeIsTheSizeOfTheList(t *testing.T) {
	s := &Sketch{}
	for i := range 40000 {
		s.Add(strconv.Itoa(i))
		if s.dense != nil && i%37 == 0 {
			if got, want := s.listSize(), len(s.appendList([]byte{listForm})); got != want {
				t.Fatalf("after %d: %d, want %d", i, got, want)
			}
		}
	}
}
