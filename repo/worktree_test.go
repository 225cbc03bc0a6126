package repo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

func dirty(t testing.TB, s *repo.Store, prefix string) string {
	t.Helper()
	m, err := s.Dirty(context.Background(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return list(m)
}

func TestDirtyComparesBytes(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"prod/a": "one\n", "prod/b": "two\n", "prod/c": "three\n", "other/d": "4\n"})
	if got := dirty(t, s, ""); got != "" {
		t.Fatalf("clean tree: %s", got)
	}
	at := func(p string) string { return filepath.Join(s.Path(), p) }
	// Same size, and the old modification time put back: only the bytes tell.
	fi, _ := os.Stat(at("prod/a"))
	l.write(at("prod/a"), "ONE\n")
	os.Chtimes(at("prod/a"), fi.ModTime(), fi.ModTime())
	os.Remove(at("prod/b"))
	l.write(at("prod/new"), "untracked")
	l.write(at("other/d"), "changed\n")
	l.write(at("prod/c"), "three\r\n") // git with autocrlf checks it out so
	os.Chmod(at("prod/c"), 0o755)
	if got := dirty(t, s, "prod"); got != "prod/a prod/b prod/new" {
		t.Errorf("prod: %s", got)
	}
	if got := dirty(t, s, ""); got != "other/d prod/a prod/b prod/new" {
		t.Errorf("all: %s", got)
	}
	if got := dirty(t, s, "prod/a"); got != "prod/a" {
		t.Errorf("one file: %s", got)
	}
	if got := dirty(t, s, "pro"); got != "" {
		t.Errorf("part of a name: %s", got)
	}
	// Staged and put back: the index has it still.
	l.git(s.Path(), "add", "other/d")
	l.write(at("other/d"), "4\n")
	if got := dirty(t, s, "other"); got != "other/d" {
		t.Errorf("staged: %s", got)
	}
}

func TestUserConfigurationDoesNotMatter(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "x\n", ".gitattributes": "* text eol=crlf filter=evil\n", ".gitignore": "*.yaml\n", "b.yaml": "1\n"})
	for _, kv := range []string{"core.autocrlf=true", "core.fileMode=false", "filter.evil.clean=touch " + l.path("evil"), "filter.evil.smudge=touch " + l.path("evil"),
		"commit.gpgSign=true", "core.hooksPath=" + l.path("hooks"), "gpg.program=/bin/false", "core.fsmonitor=touch " + l.path("evil")} {
		k, v, _ := strings.Cut(kv, "=")
		l.git(s.Path(), "config", k, v)
	}
	for _, h := range []string{"pre-commit", "post-commit", "reference-transaction", "post-checkout", "post-merge"} {
		l.write(l.path("hooks/"+h), "#!/bin/sh\ntouch "+l.path("evil")+"\nexit 1\n")
		os.Chmod(l.path("hooks/"+h), 0o755)
	}
	s.Close()
	s = l.open(l.options("work"))
	rev := l.commit(s, map[string]string{"a": "y\n", "b.yaml": "2\n"})
	if got := dirty(t, s, ""); got != "" {
		t.Errorf("dirty: %s", got)
	}
	if data, _ := s.File(rev, "a"); string(data) != "y\n" || l.read(filepath.Join(s.Path(), "a")) != "y\n" {
		t.Error("bytes were changed")
	}
	if _, err := os.Stat(l.path("evil")); err == nil {
		t.Error("a hook or filter was run")
	}
}

func TestPersonsEditIsNeverOverwritten(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1\n", "b": "1\n", "c": "1\n", "d": "1\n", "e/f": "1\n"})
	at := func(p string) string { return filepath.Join(s.Path(), p) }
	l.write(at("a"), "person\n")             // edited
	os.Remove(at("b"))                       // deleted
	l.write(at("new"), "person\n")           // untracked, and about to be committed
	l.write(at("c"), "staged\n")             // staged
	l.git(s.Path(), "add", "c")              //
	l.write(at("same"), "agreed\n")          // untracked, with what is coming
	os.RemoveAll(at("e"))                    //
	os.Symlink(l.path("outside"), at("e"))   // a link where a folder was
	os.MkdirAll(l.path("outside"), 0o755)    //
	l.write(l.path("outside/f"), "person\n") //
	rev := l.commit(s, map[string]string{"a": "2\n", "b": "2\n", "c": "2\n", "d": "2\n", "new": "2\n", "same": "agreed\n", "e/f": "2\n"})

	for p, want := range map[string]string{"a": "person\n", "new": "person\n", "c": "staged\n", "d": "2\n", "same": "agreed\n", "e/f": "person\n"} {
		if have := l.read(at(p)); have != want {
			t.Errorf("%s is %q, want %q", p, have, want)
		}
	}
	if _, err := os.Stat(at("b")); err == nil {
		t.Error("a deleted file came back")
	}
	if got := strings.Join(s.LeftAlone(), " "); got != "a b c e/f new" {
		t.Errorf("left alone: %s", got)
	}
	if files, _ := s.Files(rev, ""); string(files["a"]) != "2\n" || string(files["c"]) != "2\n" {
		t.Errorf("the branch has %v", asStrings(files))
	}
	// Edits show as edits against the new commit; what was staged still is.
	status := l.git(s.Path(), "status", "--porcelain")
	for _, want := range []string{" M a", " D b", " M new", "M  c"} {
		if !strings.Contains(status+"\n", want+"\n") {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	if strings.Contains(status, "same") || strings.Contains(status, " d\n") {
		t.Errorf("status:\n%s", status)
	}
	// And the next commit does not take them either.
	l.commit(s, map[string]string{"a": gone, "new": "3\n"})
	if l.read(at("a")) != "person\n" || l.read(at("new")) != "person\n" {
		t.Error("overwritten by the second commit")
	}
	l.sound(s.Path())
}

func TestHeadOnAnotherBranchOnlyMovesTheRef(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1\n"})
	l.git(s.Path(), "checkout", "-q", "-b", "person")
	l.write(filepath.Join(s.Path(), "a"), "wip\n")
	before := l.git(s.Path(), "status", "--porcelain")
	rev := l.commit(s, map[string]string{"a": "2\n", "b": "2\n"})
	if l.read(filepath.Join(s.Path(), "a")) != "wip\n" || l.git(s.Path(), "status", "--porcelain") != before {
		t.Error("the working tree was touched")
	}
	if l.git(s.Path(), "rev-parse", "main") != string(rev) || l.git(s.Path(), "rev-parse", "person") == string(rev) {
		t.Error("the wrong branch moved")
	}
	if got := dirty(t, s, ""); got != "" {
		t.Errorf("dirty: %s", got)
	}
	if err := s.DeleteRef(context.Background(), "refs/heads/person"); err == nil {
		t.Error("a checked-out branch was deleted")
	}
	// Reopening with the branch checked out again changes nothing by itself.
	l.git(s.Path(), "checkout", "-q", "-f", "main")
	s.Close()
	l.open(l.options("work"))
	l.cleanStatus(s.Path())
}

func TestIndexLockedByGitIsWaitedForAndCaughtUp(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1\n"})
	lock := filepath.Join(s.Path(), ".git/index.lock")
	l.write(lock, "")
	l.commit(s, map[string]string{"a": "2\n"}) // the commit stands
	if l.read(filepath.Join(s.Path(), "a")) != "1\n" {
		t.Error("a file was written without the index lock")
	}
	if l.read(lock) != "" {
		t.Error("git's lock was taken away")
	}
	os.Remove(lock)
	l.commit(s, map[string]string{"b": "2\n"})
	if l.read(filepath.Join(s.Path(), "a")) != "2\n" {
		t.Error("not caught up")
	}
	l.cleanStatus(s.Path())

	l.write(lock, "")
	l.commit(s, map[string]string{"a": "3\n"})
	os.Remove(lock)
	s.Close()
	s = l.open(l.options("work"))
	l.cleanStatus(s.Path())
	if l.read(filepath.Join(s.Path(), "a")) != "3\n" || len(s.LeftAlone()) != 0 {
		t.Error("not caught up at open")
	}
}

func TestRefLockedByGitStopsTheCommit(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the lock's patience")
	}
	l := newLab(t)
	s := l.open(l.options("work"))
	head := l.commit(s, map[string]string{"a": "1\n"})
	lock := filepath.Join(s.Path(), ".git/refs/heads/main.lock")
	l.write(lock, "")
	var busy *repo.BusyError
	if _, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{"a": "2\n"}, "x")}); !errors.As(err, &busy) || busy.File != lock {
		t.Fatalf("%v", err)
	}
	if rev, _, _ := s.Head(); rev != head || l.read(filepath.Join(s.Path(), "a")) != "1\n" {
		t.Error("something changed")
	}
	os.Remove(lock)
	l.commit(s, map[string]string{"a": "2\n"})
	l.cleanStatus(s.Path())
	l.sound(s.Path())
}

func TestCommitOnAnotherHeadIsRefused(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	first := l.commit(s, map[string]string{"a": "1\n"})
	l.write(filepath.Join(s.Path(), "p"), "person")
	l.git(s.Path(), "add", "p")
	l.git(s.Path(), "commit", "-q", "-m", "by a person")
	c := commit(map[string]string{"a": "2\n"}, "x")
	c.Base = first
	var moved *repo.MovedError
	if _, err := s.Commit(context.Background(), []repo.Commit{c}); !errors.As(err, &moved) {
		t.Fatalf("%v", err)
	}
	c.Base = moved.Have
	rev, err := s.Commit(context.Background(), []repo.Commit{c})
	if err != nil {
		t.Fatal(err)
	}
	if files, _ := s.Files(rev, ""); fmt.Sprint(asStrings(files)) != "map[a:2\n p:person]" {
		t.Errorf("%v", asStrings(files))
	}
	l.cleanStatus(s.Path())
}

func TestIndexFlagsAndVersionsSurvive(t *testing.T) {
	for _, version := range []string{"2", "3", "4"} {
		t.Run("v"+version, func(t *testing.T) {
			l := newLab(t)
			s := l.open(l.options("work"))
			l.commit(s, map[string]string{"a": "1\n", "b": "1\n", "dir/c": "1\n", "dir/d": "1\n"})
			l.git(s.Path(), "update-index", "--index-version", version, "--force-write-index")
			l.git(s.Path(), "update-index", "--assume-unchanged", "b")
			l.write(filepath.Join(s.Path(), "later"), "x")
			l.git(s.Path(), "add", "-N", "later")
			l.commit(s, map[string]string{"a": "2\n", "dir/e": "1\n", "dir/c": gone})
			if out := l.git(s.Path(), "ls-files", "-v"); !strings.Contains(out, "h b") {
				t.Errorf("assume-unchanged is lost:\n%s", out)
			}
			if out := l.git(s.Path(), "status", "--porcelain"); out != " A later" {
				t.Errorf("status: %q", out)
			}
		})
	}
}
