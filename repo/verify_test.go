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

// inPack finds where an object lies: the pack and the middle of its bytes.
func (l *lab) inPack(dir, id string) (pack string, middle int64) {
	l.Helper()
	idx, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.idx"))
	for _, name := range idx {
		for line := range strings.Lines(l.git(dir, "verify-pack", "-v", name)) {
			f := strings.Fields(line)
			if len(f) >= 5 && f[0] == id {
				var size, at int64
				fmt.Sscan(f[3], &size)
				fmt.Sscan(f[4], &at)
				return strings.TrimSuffix(name, ".idx") + ".pack", at + size/2
			}
		}
	}
	l.Fatalf("object %s is in no pack", id)
	return "", 0
}

// flip changes one byte of a read-only file.
func (l *lab) flip(name string, at int64) {
	l.Helper()
	os.Chmod(name, 0o644)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		l.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		l.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], at); err != nil {
		l.Fatal(err)
	}
}

// threeCommits is a clone with a remote that has the first two of three commits.
func threeCommits(t *testing.T) (l *lab, s *repo.Store, revs []repo.Revision) {
	l = newLab(t)
	l.bare("server.git")
	s = l.clone("work", "file://"+l.path("server.git"))
	for i := range 3 {
		revs = append(revs, l.commit(s, map[string]string{"prod/charts/a.yaml": noise(400) + fmt.Sprint(i), "b": fmt.Sprint(i)}))
		if i < 2 {
			push(t, s)
		}
	}
	if _, err := s.WriteRef(context.Background(), "refs/dashkeep/base/prod", "", map[string][]byte{"x": []byte("only here")}, "base"); err != nil {
		t.Fatal(err)
	}
	return l, s, revs
}

func verify(t *testing.T, s *repo.Store) []repo.Damage {
	t.Helper()
	r, err := s.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Commits == 0 || r.Objects == 0 || r.Refs == 0 {
		t.Errorf("nothing was looked at: %+v", r)
	}
	return r.Damage
}

func TestDK4_DamageIsNamed(t *testing.T) {
	type harm func(l *lab, dir string, revs []repo.Revision)
	object := func(spec string) func(l *lab, dir string) string {
		return func(l *lab, dir string) string { return l.git(dir, "rev-parse", spec) }
	}
	flipped := func(spec string) harm {
		return func(l *lab, dir string, _ []repo.Revision) { l.flip(l.inPack(dir, object(spec)(l, dir))) }
	}
	loose := func(spec string, harm func(l *lab, name string)) harm {
		return func(l *lab, dir string, _ []repo.Revision) {
			id := object(spec)(l, dir)
			packs, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*"))
			for _, p := range packs {
				os.Rename(p, l.path(filepath.Base(p)))
			}
			for _, p := range packs {
				if strings.HasSuffix(p, ".pack") {
					l.git(dir, "-c", "alias.u=!git unpack-objects -q < "+l.path(filepath.Base(p)), "u")
				}
			}
			harm(l, filepath.Join(dir, ".git/objects", id[:2], id[2:]))
		}
	}
	for name, c := range map[string]struct {
		harm harm
		says []string // the first finding about an object or reference
	}{
		"blob of an old commit":   {flipped("main~1:prod/charts/a.yaml"), []string{"damaged", "prod/charts/a.yaml", "main", "objects/pack/"}},
		"blob of the last commit": {flipped("main:b"), []string{"damaged", "b at commit", "refs/heads/main"}},
		"folder":                  {flipped("main~1:prod/charts"), []string{"damaged", "prod/charts"}},
		"commit":                  {flipped("main~2"), []string{"damaged", "at commit"}},
		"own ref":                 {flipped("refs/dashkeep/base/prod:x"), []string{"damaged", "refs/dashkeep/base/prod"}},
		"loose blob": {loose("main:b", func(l *lab, f string) {
			os.Chmod(f, 0o644)
			l.write(f, "junk")
		}), []string{"damaged", "b at commit", "objects/"}},
		"loose blob with other content": {loose("main:b", func(l *lab, f string) {
			os.Chmod(f, 0o644)
			other := l.blob(l.path("work"), "other")
			data := l.read(filepath.Join(l.path("work"), ".git/objects", other[:2], other[2:]))
			l.write(f, data)
		}), []string{"content is that of", "b at commit"}},
		"missing blob":   {loose("main~1:b", func(_ *lab, f string) { os.Remove(f) }), []string{"missing", "b at commit"}},
		"missing commit": {loose("main~1", func(_ *lab, f string) { os.Remove(f) }), []string{"missing", "at commit"}},
		"cut own ref": {func(l *lab, dir string, _ []repo.Revision) {
			l.write(filepath.Join(dir, ".git/refs/dashkeep/base/prod"), "12345\n")
		}, []string{"refs/dashkeep/base/prod", "no commit id"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, s, revs := threeCommits(t)
			if d := verify(t, s); len(d) > 0 {
				t.Fatalf("a sound repository: %v", d)
			}
			before := snapshot(t, s.Path())
			s.Close()
			c.harm(l, s.Path(), revs)
			o := l.options("work")
			o.ReadOnly = true // as somebody who only looks
			s = l.open(o)
			harmed := snapshot(t, s.Path())
			if harmed == before {
				t.Fatal("nothing was harmed")
			}
			var said []string
			found := false
			for _, d := range verify(t, s) {
				text := d.String()
				said = append(said, text)
				all := d.Object != "" || d.Ref != ""
				for _, want := range c.says {
					all = all && strings.Contains(text, want)
				}
				found = found || all
			}
			if !found {
				t.Errorf("want %v, it says\n%s", c.says, strings.Join(said, "\n"))
			}
			if snapshot(t, s.Path()) != harmed {
				t.Error("looking changed something")
			}
		})
	}
}

func TestDK4_DamageIsNotPushed(t *testing.T) {
	for name, spec := range map[string]string{"blob": "main:prod/charts/a.yaml", "folder": "main:prod/charts"} {
		t.Run(name, func(t *testing.T) {
			l, s, revs := threeCommits(t)
			s.Close()
			l.flip(l.inPack(s.Path(), l.git(s.Path(), "rev-parse", spec)))
			o := l.options("work")
			o.Remote = "file://" + l.path("server.git")
			s = l.open(o)
			if err := s.Push(context.Background()); err == nil {
				t.Fatal("damage was pushed")
			}
			if rev := l.git(l.path("server.git"), "rev-parse", "main"); rev != string(revs[1]) {
				t.Errorf("the server is at %s", rev)
			}
			l.sound(l.path("server.git"))
		})
	}
	// Also by the program that has just made the pack and streams it as it is.
	l, s, _ := threeCommits(t)
	rev := l.commit(s, map[string]string{"b": "4", "c": noise(300)})
	l.flip(l.inPack(s.Path(), l.git(s.Path(), "rev-parse", string(rev)+":c")))
	if err := s.Push(context.Background()); err == nil {
		t.Fatal("damage was pushed")
	}
	l.sound(l.path("server.git"))
}

func TestDK4_HealedFromTheRemote(t *testing.T) {
	for name, c := range map[string]struct {
		spec   string
		pushed bool // the remote has the object
	}{
		"old blob": {"main~1:prod/charts/a.yaml", true}, "old folder": {"main~2:prod", true}, "old commit": {"main~2", true},
		"new blob": {"main:prod/charts/a.yaml", false},
	} {
		t.Run(name, func(t *testing.T) {
			l, s, revs := threeCommits(t)
			s.Close()
			pack, at := l.inPack(s.Path(), l.git(s.Path(), "rev-parse", c.spec))
			l.flip(pack, at)
			o := l.options("work")
			o.Remote = "file://" + l.path("server.git")
			s = l.open(o)
			r, err := s.Verify(context.Background())
			if err != nil || len(r.Damage) == 0 {
				t.Fatalf("%v %+v", err, r)
			}
			kept, err := s.Heal(context.Background(), r)
			if err != nil || kept == "" {
				t.Fatalf("%q %v", kept, err)
			}
			if _, err := os.Stat(filepath.Join(kept, filepath.Base(pack))); err != nil {
				t.Errorf("the damaged pack is not kept: %v", err)
			}
			left := verify(t, s)
			if c.pushed {
				if len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				l.sound(s.Path())
				push(t, s)
			} else if len(left) != 1 || !strings.Contains(left[0].String(), "missing") || !strings.Contains(left[0].String(), "prod/charts/a.yaml") {
				t.Errorf("left: %v", left)
			}
			if head, _, _ := s.Head(); head != revs[2] {
				t.Errorf("the branch is at %s", head)
			}
			for _, f := range leftovers(s.Path()) {
				t.Errorf("left behind: %s", f)
			}
		})
	}
}

// What stops every reading is put right at start: nothing is deleted.
func TestCR5_DamagedPacksAreSetAside(t *testing.T) {
	for name, c := range map[string]struct {
		harm   func(l *lab, base string)
		remote bool
		broken bool // it cannot be opened
	}{
		"index of zeros":            {harm: func(l *lab, b string) { l.overwrite(b+".idx", string(make([]byte, 1200))) }},
		"empty index":               {harm: func(l *lab, b string) { l.overwrite(b+".idx", "") }},
		"cut index":                 {harm: func(l *lab, b string) { os.Chmod(b+".idx", 0o644); os.Truncate(b+".idx", 1100) }},
		"index of another pack":     {harm: func(l *lab, b string) { l.overwrite(b+".idx", l.read(l.path("other.idx"))) }},
		"cut pack, remote has it":   {harm: func(l *lab, b string) { os.Chmod(b+".pack", 0o644); os.Truncate(b+".pack", 100) }, remote: true},
		"empty pack, remote has it": {harm: func(l *lab, b string) { l.overwrite(b+".pack", "") }, remote: true},
		"both gone, remote has it":  {harm: func(l *lab, b string) { os.Remove(b + ".idx"); os.Remove(b + ".pack") }, remote: true},
		"cut pack, no remote":       {harm: func(l *lab, b string) { os.Chmod(b+".pack", 0o644); os.Truncate(b+".pack", 100) }, broken: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.bare("server.git")
			o := l.options("work")
			o.Remote = "file://" + l.path("server.git")
			s := l.open(o)
			l.commit(s, map[string]string{"a": "1\n"})
			head := l.commit(s, map[string]string{"a": "2\n", "b": noise(500)})
			push(t, s)
			s.Close()
			pack, _ := l.inPack(s.Path(), string(head))
			other, _ := l.inPack(s.Path(), l.git(s.Path(), "rev-parse", "main~1"))
			copyTree(t, strings.TrimSuffix(other, ".pack")+".idx", l.path("other.idx"))
			c.harm(l, strings.TrimSuffix(pack, ".pack"))
			if !c.remote {
				o.Remote = ""
			}
			s, err := repo.Open(context.Background(), o)
			if c.broken {
				var broken *repo.BrokenError
				if !errors.As(err, &broken) || !strings.Contains(err.Error(), "quarantine") {
					t.Fatalf("%v", err)
				}
				if kept, _ := filepath.Glob(l.path("work/.git/dashkeep/quarantine/*/*.pack")); len(kept) != 1 {
					t.Errorf("kept: %v", kept)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if rev, ok, err := s.Head(); rev != head || !ok || err != nil {
				t.Fatalf("head %s %v %v", rev, ok, err)
			}
			if d := verify(t, s); len(d) > 0 {
				t.Errorf("%v", d)
			}
			l.commit(s, map[string]string{"a": "3\n"})
			l.sound(s.Path())
			l.cleanStatus(s.Path())
		})
	}
}

// overwrite replaces the content of a read-only file.
func (l *lab) overwrite(name, content string) {
	l.Helper()
	os.Chmod(name, 0o644)
	l.write(name, content)
}
