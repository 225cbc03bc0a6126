package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// gitObjects is a bare repository made with git, and what git says is in it.
type gitObjects struct {
	*testing.T
	dir string
}

func newGitObjects(t *testing.T) *gitObjects {
	g := &gitObjects{t, t.TempDir()}
	g.git("", "init", "-q", "--bare", "-b", "main")
	return g
}

func (g *gitObjects) git(in string, args ...string) string {
	g.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = g.dir, strings.NewReader(in)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.Output()
	if err != nil {
		g.Fatalf("git %v: %v", args, err)
	}
	return string(out)
}

// versions imports one file in so many versions that resemble each other, and a
// few hundred others.
func (g *gitObjects) versions(n int) {
	var in strings.Builder
	lines := strings.Split(strings.Repeat("a line of some length that stays the same\n", 300), "\n")
	r := rand.New(rand.NewPCG(1, 2))
	for v := range n {
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx", 1_700_000_000+v)
		lines[r.IntN(len(lines))] = fmt.Sprint("version ", v)
		text := strings.Join(lines, "\n")
		fmt.Fprintf(&in, "\nM 644 inline large.sql\ndata %d\n%s\n", len(text), text)
		small := strconv.Itoa(v)
		fmt.Fprintf(&in, "M 644 inline %03d/small%d\ndata %d\n%s\n", v%100, v, len(small), small)
	}
	in.WriteString("tag v1\nfrom refs/heads/main\ntagger A <a@b> 1700000000 +0000\ndata 1\nx\n")
	g.git(in.String(), "-c", "fastimport.unpackLimit=1000000", "fast-import", "--quiet")
}

// compare reads every object that git knows.
func (g *gitObjects) compare() (deltas int) {
	g.Helper()
	store := &objectStore{dir: filepath.Join(g.dir, "objects")}
	defer store.close()
	check := "--batch-check=%(objectname) %(objecttype) %(deltabase)"
	list := strings.Fields(g.git("", "cat-file", "--batch-all-objects", check))
	var ids strings.Builder
	for i := 0; i < len(list); i += 3 {
		ids.WriteString(list[i] + "\n")
	}
	content := g.git(ids.String(), "cat-file", "--batch")
	for i := 0; i < len(list); i += 3 {
		if list[i+2] != plumbing.ZeroHash.String() {
			deltas++
		}
		head, rest, _ := strings.Cut(content, "\n")
		size, _ := strconv.Atoi(head[strings.LastIndexByte(head, ' ')+1:])
		want := rest[:size]
		content = rest[size+1:]
		kind, data, err := store.read(plumbing.NewHash(list[i]), maxAny)
		if err != nil || kind.String() != list[i+1] || string(data) != want {
			g.Fatalf("%s %s: %v %s, %d bytes instead of %d", list[i], list[i+1], err, kind, len(data), size)
		}
		if kind, err := store.kind(plumbing.NewHash(list[i])); err != nil || kind.String() != list[i+1] {
			g.Fatalf("%s: %v %s", list[i], err, kind)
		}
		if err := store.has(plumbing.NewHash(list[i])); err != nil {
			g.Fatalf("%s: %v", list[i], err)
		}
	}
	if len(list) < 300 {
		g.Fatalf("%d objects", len(list)/3)
	}
	some := plumbing.NewHash(list[len(list)/6*3])
	if ids, err := store.withPrefix(some[:3]); err != nil || len(ids) != 1 || ids[0] != some {
		g.Fatalf("%s: %v %v", some, ids, err)
	}
	for _, id := range []oid{{}, {0xff}, plumbing.NewHash("0123456789012345678901234567890123456789")} {
		if err := store.has(id); !errors.Is(err, plumbing.ErrObjectNotFound) {
			g.Fatalf("%s: %v", id, err)
		}
	}
	return deltas
}

// Each way in which git stores objects is read as git reads it.
func TestObjectStoreReadsWhatGitWrites(t *testing.T) {
	for name, tt := range map[string]struct {
		versions int
		pack     []string
		index    string // indexed anew with this
		deltas   bool
	}{
		"loose":                  {versions: 150},
		"whole":                  {versions: 150, pack: []string{"repack", "-adq", "--window=0"}},
		"deltas":                 {versions: 150, pack: []string{"repack", "-adfq", "--depth=50"}, deltas: true},
		"long chains":            {versions: 150, pack: []string{"repack", "-adfq", "--depth=4000", "--window=400"}, deltas: true},
		"deltas by id":           {versions: 150, pack: []string{"-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"}, deltas: true},
		"a large index":          {versions: 500, pack: []string{"repack", "-adfq"}, deltas: true},
		"offsets of eight bytes": {versions: 150, pack: []string{"repack", "-adfq"}, index: "--index-version=2,0x100", deltas: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGitObjects(t)
			g.versions(tt.versions)
			if tt.pack != nil {
				g.git("", tt.pack...)
			}
			if tt.index != "" {
				pack, _ := filepath.Glob(filepath.Join(g.dir, "objects/pack/*.pack"))
				g.git("", "index-pack", tt.index, pack[0])
			}
			idx, _ := filepath.Glob(filepath.Join(g.dir, "objects/pack/*.idx"))
			if name == "a large index" {
				if fi, err := os.Stat(idx[0]); err != nil || fi.Size() <= smallIdx {
					t.Fatalf("the index is not large: %v %v", fi, err)
				}
			}
			if deltas := g.compare(); deltas > 0 != tt.deltas {
				t.Errorf("%d deltas", deltas)
			}
		})
	}
}

// What is new is found, what a repack has replaced is not missed.
func TestObjectStoreFollowsRepacks(t *testing.T) {
	g := newGitObjects(t)
	g.versions(50)
	o := newObjects(g.dir)
	defer o.close()
	id := plumbing.NewHash(strings.TrimSpace(g.git("", "rev-parse", "main")))
	for i, args := range [][]string{nil, {"repack", "-dq"}, {"repack", "-adfq"}, {"unpack-objects"}, {"repack", "-adq", "--window=0"}} {
		if args != nil && args[0] == "unpack-objects" {
			pack, _ := filepath.Glob(filepath.Join(g.dir, "objects/pack/*.pack"))
			data, err := os.ReadFile(pack[0])
			if err != nil || os.Remove(pack[0]) != nil {
				t.Fatal(err)
			}
			g.git(string(data), "unpack-objects", "-q")
		} else if args != nil {
			g.git("", args...)
		}
		o.reset()
		if _, err := o.read(plumbing.CommitObject, id); err != nil {
			t.Fatalf("after %v: %v", args, err)
		}
		fresh := plumbing.NewHash(strings.TrimSpace(g.git(fmt.Sprint(i), "hash-object", "-w", "--stdin")))
		if ok, err := o.has(fresh); !ok || err != nil {
			t.Errorf("a new object: %v %v", ok, err)
		}
	}
}

// Where one copy of an object is damaged another is read. Without another it is
// an error, never a "no" and never other content.
func TestDK4_ADamagedCopyIsNotBelieved(t *testing.T) {
	g := newGitObjects(t)
	g.versions(60)
	g.git("", "repack", "-adfq")
	first, _ := filepath.Glob(filepath.Join(g.dir, "objects/pack/*.pack"))
	sound := map[string][]byte{}
	for _, ext := range []string{".pack", ".idx"} {
		name := strings.TrimSuffix(first[0], ".pack") + ext
		data, err := os.ReadFile(name)
		if err != nil || os.Chmod(name, 0o644) != nil {
			t.Fatal(err)
		}
		sound[name] = data
	}
	list := strings.Fields(g.git("", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[string]int{}
	for range 120 {
		name := sortedKeys(sound)[r.IntN(2)]
		harmed := bytes.Clone(sound[name])
		harmed[r.IntN(len(harmed))] ^= 1 << r.IntN(8)
		if err := os.WriteFile(name, harmed, 0o644); err != nil {
			t.Fatal(err)
		}
		store := &objectStore{dir: filepath.Join(g.dir, "objects")}
		for _, hex := range list {
			id := plumbing.NewHash(hex)
			kind, data, err := store.read(id, MaxBlob)
			switch {
			case err == nil && hashObject(kind, data) != id:
				t.Fatalf("%s: read something else", id)
			case err == nil:
				seen["sound"]++
			case errors.Is(err, plumbing.ErrObjectNotFound):
				seen["not found"]++ // its id in the index is another one now
			default:
				seen["damaged"]++
			}
		}
		store.close()
		if err := os.WriteFile(name, sound[name], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(seen)
	if seen["sound"] == 0 || seen["damaged"] == 0 || seen["not found"] > seen["damaged"] {
		t.Errorf("%v", seen)
	}

	// A second, whole copy of everything, and a first that is no longer sound.
	g.git(g.git("", "rev-list", "--objects", "--all"), "pack-objects", "-q", "--window=0", "objects/pack/pack")
	if err := os.WriteFile(first[0], bytes.Replace(sound[first[0]], sound[first[0]][200:260], make([]byte, 60), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	g.readable(list)
}

func (g *gitObjects) readable(list []string) {
	g.Helper()
	store := &objectStore{dir: filepath.Join(g.dir, "objects")}
	defer store.close()
	for _, hex := range list {
		if _, _, err := store.read(plumbing.NewHash(hex), MaxBlob); err != nil {
			g.Errorf("%s: %v", hex, err)
		}
	}
}

// An object over the limit is refused before memory is taken for it, also when a few
// bytes of a delta would make it.
func TestObjectStoreKeepsToTheLimit(t *testing.T) {
	g := newGitObjects(t)
	g.versions(20)
	g.git("", "repack", "-adfq")
	store := &objectStore{dir: filepath.Join(g.dir, "objects")}
	defer store.close()
	for _, rev := range []string{"main:large.sql", "main~10:large.sql"} {
		id := plumbing.NewHash(strings.TrimSpace(g.git("", "rev-parse", rev)))
		if _, _, err := store.read(id, 1000); !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v", rev, err)
		}
		if _, _, err := store.read(id, MaxBlob); err != nil {
			t.Errorf("%s: %v", rev, err)
		}
	}
}

// countingReader counts the bytes that are read through it.
type countingReader struct {
	io.ReaderAt
	n int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += n
	return n, err
}

// A lookup in the index of a large pack reads a thousandth of it: an old repository is
// opened as quickly as a young one.
func TestALookupReadsLittleOfAnIndex(t *testing.T) {
	entries := make([]packEntry, 100_000)
	for i := range entries {
		entries[i] = packEntry{id: hashObject(plumbing.BlobObject, []byte(strconv.Itoa(i))), off: uint64(12 + 100*i)}
	}
	want := slices.Clone(entries[:100])
	data := encodeIdx(entries, oid{})
	name := filepath.Join(t.TempDir(), "pack.idx")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	x, err := openPackIndex(name)
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	counted := &countingReader{ReaderAt: x.in}
	x.in = counted
	for _, e := range want {
		if off, ok, err := x.find(e.id); !ok || err != nil || off != int64(e.off) {
			t.Fatalf("%s: %d %v %v, want %d", e.id, off, ok, err, e.off)
		}
	}
	if each := counted.n / len(want); each > len(data)/200 {
		t.Errorf("a lookup reads %d of %d bytes", each, len(data))
	}
}
