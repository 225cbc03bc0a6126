package repo_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Many new files are made without looking first. What a person has put in their way
// stays, is named and shows as an edit; a link is not followed.
func TestManyNewFilesLeaveAPersonsAlone(t *testing.T) {
	l := newLab(t)
	o := l.options("work")
	s := l.open(o)
	defer s.Close()
	l.commit(s, map[string]string{"readme": "first\n"})
	files := map[string]string{}
	for i := range 1200 { // more than are made at a time
		files[fmt.Sprintf("prod/charts/%04d.yaml", i)] = fmt.Sprintf("title: %d\n", i)
	}
	at := func(i int) string { return l.path(fmt.Sprintf("work/prod/charts/%04d.yaml", i)) }
	outside := l.path("outside")
	l.write(outside, "outside\n")
	l.write(at(5), "a person's\n")
	l.write(at(6), files["prod/charts/0006.yaml"])
	for _, err := range []error{os.Symlink(outside, at(700)), os.Mkdir(at(1100), 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l.commit(s, files)
	want := []string{"prod/charts/0005.yaml", "prod/charts/0700.yaml", "prod/charts/1100.yaml"}
	if left := s.LeftAlone(); !slices.Equal(left, want) {
		t.Errorf("left alone: %v", left)
	}
	if l.read(at(5)) != "a person's\n" || l.read(outside) != "outside\n" {
		t.Error("what a person put there was overwritten")
	}
	for p, text := range files {
		if !slices.Contains(want, p) && l.read(l.path("work/"+p)) != text {
			t.Fatalf("%s holds something else", p)
		}
	}
	var shown []string
	for line := range strings.Lines(l.git(o.Path, "status", "--porcelain", "--no-renames")) {
		shown = append(shown, strings.Fields(line)[1])
	}
	if !slices.Equal(shown, want) && !slices.Equal(shown, append(want[:3:3], want[2]+"/")) {
		t.Errorf("git status shows %v", shown)
	}
}
