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

// damaged makes a repository of three commits and an own ref, and harms it.
func damaged(t *testing.T, harm func(l *lab, git string)) (l *lab, head repo.Revision) {
	l = newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1\n"})
	l.commit(s, map[string]string{"a": "2\n"})
	head = l.commit(s, map[string]string{"a": "3\n", "b": "1\n"})
	if _, err := s.WriteRef(context.Background(), "refs/dashkeep/ids/p", "", map[string][]byte{"x": []byte("1")}, "ids"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	harm(l, filepath.Join(l.path("work"), ".git"))
	return l, head
}

func TestCR5_LeftoversAreRepaired(t *testing.T) {
	for name, harm := range map[string]func(l *lab, git string){
		"empty branch":     func(l *lab, git string) { os.Truncate(git+"/refs/heads/main", 0) },
		"cut branch":       func(l *lab, git string) { os.Truncate(git+"/refs/heads/main", 20) },
		"zeros for branch": func(l *lab, git string) { l.write(git+"/refs/heads/main", strings.Repeat("\x00", 41)) },
		"branch gone":      func(l *lab, git string) { os.Remove(git + "/refs/heads/main") },
		"empty own ref":    func(l *lab, git string) { os.Truncate(git+"/refs/dashkeep/ids/p", 0) },
		"cut index":        func(l *lab, git string) { os.Truncate(git+"/index", 50) },
		"empty index":      func(l *lab, git string) { os.Truncate(git+"/index", 0) },
		"no index":         func(l *lab, git string) { os.Remove(git + "/index") },
		"our locks": func(l *lab, git string) {
			for _, f := range []string{"refs/heads/main.lock", "index.lock", "packed-refs.lock", "refs/dashkeep/ids/p.lock"} {
				l.write(git+"/"+f, "dashkeep\n")
			}
		},
		"our temporary files": func(l *lab, git string) {
			for _, f := range []string{"objects/pack/tmp_dashkeep_pack_1", "objects/pack/tmp_dashkeep_tmp_pack_2", "dashkeep/tmp_dashkeep_file_3", "refs/heads/tmp_dashkeep_4"} {
				l.write(git+"/"+f, "junk")
			}
			l.write(git+"/objects/pack/pack-0123456789012345678901234567890123456789.idx", "junk")
			l.write(git+"/objects/pack/pack-0123456789012345678901234567890123456789.keep", "dashkeep\n")
		},
		"torn journal":    func(l *lab, git string) { l.write(git+"/dashkeep/journal", `{"ref":"refs/heads/main","old":"12`) },
		"torn lock file":  func(l *lab, git string) { l.write(git+"/dashkeep.lock", "") },
		"empty lock mark": func(l *lab, git string) { l.write(git+"/dashkeep/lockmark", "") },
		"pack without an index": func(l *lab, git string) {
			l.write(git+"/objects/pack/pack-1123456789012345678901234567890123456789.pack", "junk")
		},
		"zeros in the reflog": func(l *lab, git string) { l.write(git+"/logs/refs/heads/main", string(make([]byte, 300))) },
		"packed and emptied": func(l *lab, git string) {
			l.git(git, "pack-refs", "--all", "--no-prune")
			os.RemoveAll(git + "/logs")
			os.Truncate(git+"/refs/heads/main", 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, head := damaged(t, harm)
			s := l.open(l.options("work"))
			if rev, ok, err := s.Head(); rev != head || !ok || err != nil {
				t.Fatalf("head %s %v %v", rev, ok, err)
			}
			l.commit(s, map[string]string{"a": "4\n", "c": "1\n"})
			l.cleanStatus(s.Path())
			if n := l.git(s.Path(), "rev-list", "--count", "main"); n != "4" {
				t.Errorf("%s commits in the history", n)
			}
			if name != "pack without an index" { // git itself leaves such a pack alone, and fsck speaks of it
				l.sound(s.Path())
			}
			if _, ok, err := s.ReadRef("refs/dashkeep/ids/p"); !ok || err != nil {
				t.Errorf("own ref: %v %v", ok, err)
			}
			for _, f := range leftovers(s.Path()) {
				t.Errorf("left behind: %s", f)
			}
		})
	}
}

func TestCR5_WhatCannotBeRepairedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(l *lab, git string)
		says string
	}{
		"empty branch without a reflog": {func(l *lab, git string) {
			os.Truncate(git+"/refs/heads/main", 0)
			os.RemoveAll(git + "/logs")
		}, "lost-found"},
		"missing commit": {func(l *lab, git string) {
			os.WriteFile(git+"/refs/heads/main", []byte("0123456789012345678901234567890123456789\n"), 0o644)
		}, "update-ref refs/heads/main"},
		"missing objects": {func(l *lab, git string) {
			m, _ := filepath.Glob(git + "/objects/pack/*")
			for _, f := range m {
				os.Remove(f)
			}
		}, "restore the missing objects"},
		"no HEAD": {func(l *lab, git string) { os.Remove(git + "/HEAD") }, "not a Git folder"},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := damaged(t, c.harm)
			before, _ := os.ReadFile(l.path("work/.git/refs/heads/main"))
			_, err := repo.Open(context.Background(), l.options("work"))
			var broken *repo.BrokenError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			if after, _ := os.ReadFile(l.path("work/.git/refs/heads/main")); string(after) != string(before) {
				t.Error("the reference was changed")
			}
		})
	}
}

func TestGitsOwnLocksAndTemporaryFilesAreLeftAlone(t *testing.T) {
	l, _ := damaged(t, func(l *lab, git string) {
		l.write(git+"/refs/heads/other.lock", "")
		l.write(git+"/index.lock", "DIRC")
		l.write(git+"/objects/pack/tmp_pack_abc", "a running repack")
		l.write(git+"/objects/pack/pack-2123456789012345678901234567890123456789.keep", "receive-pack 12 on host\n")
	})
	s := l.open(l.options("work"))
	for _, f := range []string{"refs/heads/other.lock", "index.lock", "objects/pack/tmp_pack_abc", "objects/pack/pack-2123456789012345678901234567890123456789.keep"} {
		if _, err := os.Stat(filepath.Join(s.Path(), ".git", f)); err != nil {
			t.Errorf("%s is gone", f)
		}
	}
}

func TestPersonsRevertIsNotTakenForACrash(t *testing.T) {
	l, _ := damaged(t, func(l *lab, git string) {
		l.git(filepath.Dir(git), "checkout", "-q", "main~1", "--", "a")
	})
	s := l.open(l.options("work"))
	if have := l.read(filepath.Join(s.Path(), "a")); have != "2\n" {
		t.Errorf("the revert was undone: %q", have)
	}
	if got := dirty(t, s, ""); got != "a" {
		t.Errorf("dirty: %s", got)
	}
}
