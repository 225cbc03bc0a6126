package repo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

func TestOpenRefusesWhatItCannotHandle(t *testing.T) {
	for name, c := range map[string]struct {
		make func(l *lab) string
		says string
	}{
		"other files": {func(l *lab) string { l.write(l.path("w/notes.txt"), "x"); return l.path("w") }, "not a Git repository"},
		"a file":      {func(l *lab) string { l.write(l.path("w"), "x"); return l.path("w") }, "opening repository"},
		"sha-256": {func(l *lab) string {
			l.git(l.dir, "init", "-q", "--object-format=sha256", "w")
			return l.path("w")
		}, "sha256"},
		"linked worktree": {func(l *lab) string {
			s := l.open(l.options("main"))
			l.commit(s, map[string]string{"a": "1"})
			l.git(s.Path(), "worktree", "add", "-q", l.path("w"))
			return l.path("w")
		}, "linked worktree"},
		"partial clone": {func(l *lab) string {
			l.git(l.dir, "init", "-q", "w")
			l.git(l.path("w"), "config", "core.repositoryformatversion", "1")
			l.git(l.path("w"), "config", "extensions.partialClone", "origin")
			return l.path("w")
		}, "partial clone"},
		"unknown extension": {func(l *lab) string {
			l.git(l.dir, "init", "-q", "w")
			l.git(l.path("w"), "config", "extensions.teleport", "1")
			return l.path("w")
		}, "teleport"},
		"shallow clone": {func(l *lab) string {
			s := l.open(l.options("main"))
			l.commit(s, map[string]string{"a": "1"})
			l.commit(s, map[string]string{"a": "2"})
			l.git(l.dir, "clone", "-q", "--depth=1", "file://"+s.Path(), "w")
			return l.path("w")
		}, "shallow"},
		"borrowed objects": {func(l *lab) string {
			s := l.open(l.options("main"))
			l.commit(s, map[string]string{"a": "1"})
			l.git(l.dir, "clone", "-q", "--shared", s.Path(), "w")
			return l.path("w")
		}, "alternates"},
		"ref in the way": {func(l *lab) string {
			l.git(l.dir, "init", "-q", "-b", "trunk", "w")
			l.git(l.path("w"), "symbolic-ref", "refs/heads/main", "refs/heads/trunk")
			return l.path("w")
		}, "symbolic"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			dir := c.make(l)
			before := snapshotNames(t, dir)
			o := l.options("x")
			o.Path = dir
			s, err := repo.Open(context.Background(), o)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("says %q", err)
			}
			if after := snapshotNames(t, dir); after != before {
				t.Errorf("touched:\n%s\n---\n%s", before, after)
			}
		})
	}
}

// snapshotNames is what a refused folder must keep; the lock file of the
// attempt is allowed.
func snapshotNames(t *testing.T, dir string) string {
	var out []string
	for line := range strings.Lines(snapshot(t, dir)) {
		if !strings.Contains(line, "dashkeep") && !strings.Contains(line, "/.git ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func TestOpenCreatesClonesAndReopens(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	os.MkdirAll(l.path("empty"), 0o755)
	s := l.open(l.options("empty"))
	if _, ok, err := s.Head(); ok || err != nil {
		t.Errorf("new repository has a head: %v", err)
	}
	if out := l.git(s.Path(), "status", "--porcelain", "-b"); !strings.Contains(out, "main") {
		t.Errorf("%s", out)
	}
	s.Close()

	// The branch of a clone is the remote's own when none is named.
	server := l.path("server.git")
	l.git(l.dir, "init", "-q", "--bare", "-b", "trunk", "server.git")
	l.git(l.dir, "clone", "-q", "server.git", "seed")
	l.write(l.path("seed/x"), "1")
	l.git(l.path("seed"), "add", ".")
	l.git(l.path("seed"), "commit", "-q", "-m", "seed")
	l.git(l.path("seed"), "push", "-q", "origin", "HEAD:trunk")
	o := l.options("clone")
	o.Branch, o.Remote = "", "file://"+server
	c := l.open(o)
	if c.Branch() != "trunk" {
		t.Errorf("follows %s", c.Branch())
	}
	l.cleanStatus(c.Path())
	if out := l.git(c.Path(), "remote", "-v"); !strings.Contains(out, server) {
		t.Errorf("remote: %s", out)
	}
	l.git(c.Path(), "pull", "-q") // people may use it as a clone

	// A bare repository works, without working files.
	l.git(l.dir, "init", "-q", "--bare", "-b", "main", "bare.git")
	b := l.open(l.options("bare.git"))
	l.commit(b, map[string]string{"a": "1"})
	if d, err := b.Dirty(ctx, ""); err != nil || len(d) != 0 {
		t.Errorf("%v %v", d, err)
	}
	l.sound(b.Path())

	o = l.options("nowhere")
	o.ReadOnly = true
	if _, err := repo.Open(ctx, o); err == nil {
		t.Error("read only made a repository")
	}
	if _, err := os.Stat(l.path("nowhere")); err == nil {
		t.Error("read only made a folder")
	}
}

func TestOpenFinishesAnInterruptedCreation(t *testing.T) {
	l := newLab(t)
	l.write(l.path("w/.git/dashkeep.lock"), "123 host 2026-11-01T00:00:00Z dashkeep\n")
	os.MkdirAll(l.path("w/.git/objects/pack"), 0o755)
	s := l.open(l.options("w"))
	l.commit(s, map[string]string{"a": "1"})
	l.sound(s.Path())
}

func TestFailedCloneLeavesNothingThatLooksLikeOne(t *testing.T) {
	l := newLab(t)
	o := l.options("w")
	o.Remote = "file://" + l.path("nowhere.git")
	for range 2 {
		if _, err := repo.Open(context.Background(), o); err == nil {
			t.Fatal("cloned nothing")
		}
	}
	// When the remote comes up, the same path becomes its clone.
	server := l.bare("nowhere.git")
	seed := l.open(l.options("seed"))
	rev := l.commit(seed, map[string]string{"a": "1"})
	l.git(seed.Path(), "push", "-q", server, "main")
	s := l.open(o)
	if have, _, _ := s.Head(); have != rev {
		t.Errorf("head is %s", have)
	}
}

func TestRemoteDownDoesNotStopAnExistingRepository(t *testing.T) {
	l := newLab(t)
	server := l.bare("server.git")
	o := l.options("w")
	o.Remote = "file://" + server
	s := l.open(o)
	l.commit(s, map[string]string{"a": "1"})
	push(t, s)
	s.Close()
	os.Rename(server, server+".away")
	s = l.open(o)
	rev := l.commit(s, map[string]string{"a": "2"})
	if _, err := s.Fetch(context.Background()); err == nil || errors.Is(err, repo.ErrNonFastForward) {
		t.Errorf("%v", err)
	}
	if err := s.Push(context.Background()); err == nil {
		t.Error("pushed to nowhere")
	}
	os.Rename(server+".away", server)
	push(t, s)
	if l.git(server, "rev-parse", "main") != string(rev) {
		t.Error("not pushed")
	}
	if m, _ := filepath.Glob(s.Path() + "/.git/objects/pack/tmp*"); len(m) > 0 {
		t.Errorf("left: %v", m)
	}
}
