package repo_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

// person commits with native git and returns the commit.
func (l *lab) person(dir string, files map[string]string, message string, flags ...string) repo.Revision {
	l.Helper()
	for p, text := range files {
		if text == gone {
			l.git(dir, "rm", "-q", p)
			continue
		}
		l.write(filepath.Join(dir, p), text)
		l.git(dir, "add", p)
	}
	l.git(dir, append([]string{"commit", "-q", "--allow-empty", "-m", message}, flags...)...)
	return repo.Revision(l.git(dir, "rev-parse", "HEAD"))
}

func TestOrigins(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	dir := s.Path()
	first := l.commit(s, map[string]string{"a": "1", "b": "1", "dir/c": "1", "twice": "0"})
	a := l.person(dir, map[string]string{"a": "2"}, "a")
	l.git(dir, "checkout", "-q", "-b", "side")
	b := l.person(dir, map[string]string{"b": "2", "twice": "1"}, "b on a branch")
	c := l.person(dir, map[string]string{"dir/c": gone}, "c goes")
	l.git(dir, "checkout", "-q", "main")
	again := l.person(dir, map[string]string{"twice": "1"}, "the same on main")
	l.person(dir, nil, "empty")
	l.git(dir, "merge", "-q", "--no-ff", "--no-edit", "side")
	merge := repo.Revision(l.git(dir, "rev-parse", "HEAD"))
	// An evil merge: content that neither side has.
	l.git(dir, "checkout", "-q", "-b", "side2")
	l.person(dir, map[string]string{"x": "1"}, "x")
	l.git(dir, "checkout", "-q", "main")
	l.person(dir, map[string]string{"y": "1"}, "y")
	l.git(dir, "merge", "-q", "--no-ff", "--no-commit", "side2")
	l.write(filepath.Join(dir, "a"), "evil")
	l.git(dir, "add", "a")
	evil := l.person(dir, nil, "an evil merge")
	for _, q := range []struct {
		at   repo.Revision
		want map[string][]repo.Revision
	}{
		{first, map[string][]repo.Revision{"a": {first}, "dir/c": {first}, "never": nil}},
		{merge, map[string][]repo.Revision{"a": {a}, "b": {b}, "dir/c": {c}, "twice": {again, b}, "never": nil, "dir/never": nil}},
		{evil, map[string][]repo.Revision{"a": {evil}, "b": {b}}},
	} {
		var paths []string
		for p := range q.want {
			paths = append(paths, p)
		}
		got, err := s.Origins(context.Background(), q.at, paths)
		if err != nil {
			t.Fatal(err)
		}
		for p, want := range q.want {
			same := len(got[p]) == len(want)
			for _, rev := range want {
				same = same && strings.Contains(fmt.Sprint(got[p]), string(rev))
			}
			if !same {
				t.Errorf("%s at %s came up in %v, want %v", p, q.at.Short(), got[p], want)
			}
		}
	}
	if _, err := s.Origins(context.Background(), evil, []string{"../x"}); err == nil {
		t.Error("a path outside was accepted")
	}
	gone, err := s.Removals(context.Background(), evil, "dir/", func(p string, data []byte) bool { return string(data) == "1" })
	if err != nil || len(gone) != 1 || gone[0].Revision != c || gone[0].Path != "dir/c" {
		t.Errorf("%+v %v", gone, err)
	}
}

// Commits, merges and own refs are signed in the form git verify-commit reads, and
// what git signed is taken apart as git does.
func TestSignedCommits(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("no ssh-keygen")
	}
	l := newLab(t)
	key := l.path("id")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	l.write(l.path("allowed"), "dashkeep@localhost "+l.read(key+".pub"))
	o := l.options("work")
	o.Sign = func(commit []byte) (string, error) {
		cmd := exec.Command("ssh-keygen", "-Y", "sign", "-n", "git", "-f", key)
		cmd.Stdin = strings.NewReader(string(commit))
		out, err := cmd.Output()
		return string(out), err
	}
	s := l.open(o)
	l.git(s.Path(), "config", "gpg.ssh.allowedSignersFile", l.path("allowed"))
	rev := l.commit(s, map[string]string{"a": "1"})
	own, err := s.WriteRef(context.Background(), "refs/dashkeep/base/prod", "", map[string][]byte{"x": []byte("1")}, "base")
	if err != nil {
		t.Fatal(err)
	}
	l.git(s.Path(), "config", "gpg.format", "ssh")
	l.git(s.Path(), "config", "user.signingkey", key)
	theirs := l.person(s.Path(), map[string]string{"b": "1"}, "by git", "-S")
	unsigned := l.person(s.Path(), map[string]string{"c": "1"}, "unsigned")
	for _, r := range []repo.Revision{rev, own, theirs} {
		l.git(s.Path(), "verify-commit", string(r))
		c, err := s.Signed(r)
		if err != nil || c.Signature == "" {
			t.Fatalf("%s: %+v %v", r, c, err)
		}
		l.write(l.path("sig"), c.Signature+"\n")
		check := exec.Command("ssh-keygen", "-Y", "verify", "-n", "git", "-f", l.path("allowed"), "-I", "dashkeep@localhost", "-s", l.path("sig"))
		check.Stdin = strings.NewReader(string(c.Content))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", r, err, out)
		}
	}
	if c, err := s.Signed(unsigned); err != nil || c.Signature != "" || c.Author.Name != "Person" {
		t.Errorf("%+v %v", c, err)
	}
	// A key that cannot sign stops the commit, and nothing moved.
	head, _, _ := s.Head()
	s.Close()
	o.Sign = func([]byte) (string, error) { return "", errors.New("no such card") }
	s = l.open(o)
	if _, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{"a": "2"}, "m")}); err == nil || !strings.Contains(err.Error(), "no such card") {
		t.Errorf("%v", err)
	}
	if now, _, _ := s.Head(); now != head {
		t.Error("the branch moved")
	}
	l.sound(s.Path())
}
