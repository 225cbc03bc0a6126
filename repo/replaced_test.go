package repo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

// Replaced tells by content alone how long ago something was left behind, below a
// folder, through renames and deletions.
func TestReplaced(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("clone"))
	put := func(changes map[string][]byte) {
		if _, err := s.Commit(t.Context(), []repo.Commit{{Changes: changes, Message: "x\n", Author: repo.Signature{Name: "Ada", Email: "ada@example.com"}}}); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string][]byte{"prod/a.yaml": []byte("one"), "prod/b.yaml": []byte("b"), "other/a.yaml": []byte("else")})
	put(map[string][]byte{"prod/a.yaml": []byte("two")})
	put(map[string][]byte{"other/a.yaml": []byte("else again")}) // not below prod: no age
	put(map[string][]byte{"prod/a.yaml": nil, "prod/moved.yaml": []byte("three")})
	put(map[string][]byte{"prod/b.yaml": nil})
	head, _, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"one", "two", "three", "b", "else", "never", "one"}
	var contents [][]byte
	for _, c := range texts {
		contents = append(contents, []byte(c))
	}
	for max, want := range map[int][]int{0: {2, 1, -1, 0, -1, -1, 2}, 2: {-1, 1, -1, 0, -1, -1, -1}} {
		got, err := s.Replaced(context.Background(), head, "prod", contents, max)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("max %d: %v %v, want %v", max, err, got, want)
		}
	}
	if got, err := s.Replaced(context.Background(), head, "nowhere", contents[:1], 0); err != nil || fmt.Sprint(got) != "[-1]" {
		t.Errorf("%v %v", err, got)
	}
	if got, err := s.Replaced(context.Background(), "", "prod", contents[:1], 0); err != nil || fmt.Sprint(got) != "[-1]" {
		t.Errorf("without a commit: %v %v", err, got)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Replaced(ctx, head, "prod", contents, 0); err == nil {
		t.Error("it does not stop")
	}
}
