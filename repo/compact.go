package repo

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// compactAt is how many packs are too many: each one costs every start of a
// program 0.3 ms, and git's own limit is the same.
const compactAt = 50

// Compact joins packs when there are more than 50 of them; each commit makes
// one. Otherwise it does nothing. It uses a git binary when there is one
// (git repack --geometric, which also packs tighter) and joins the small packs
// itself when there is none. Nothing is ever thrown away by it. Call it now and
// then, when nothing waits.
func (s *Store) Compact(ctx context.Context) error {
	unlock, err := s.writer(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	packs, err := s.packs()
	if err != nil || len(packs) <= compactAt {
		return err
	}
	defer s.obj.refresh()
	git, err := exec.LookPath("git")
	if err == nil {
		if err = s.nativeRepack(ctx, git); err == nil {
			return nil
		}
		s.opt.Log.Warn("git repack failed; joining packs without it", "error", err)
	}
	if err := s.joinPacks(ctx, packs); err != nil {
		return fmt.Errorf("joining packs of %s: %w", s.opt.Path, err)
	}
	return nil
}

// packs lists the packs that may be replaced.
func (s *Store) packs() ([]string, error) {
	dir := s.file("objects/pack")
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list {
		base, ok := strings.CutSuffix(filepath.Join(dir, e.Name()), ".pack")
		if ok && exists(base+".idx") && !exists(base+".keep") && !exists(base+".promisor") {
			out = append(out, base)
		}
	}
	return out, nil
}

// nativeRepack runs without the user's configuration and hooks, and flushes what
// it writes, which git does not do by default.
func (s *Store) nativeRepack(ctx context.Context, git string) error {
	cmd := exec.CommandContext(ctx, git, "--git-dir", s.gitDir, "-c", "core.fsync=all", "-c", "core.hooksPath=/dev/null",
		"-c", "pack.windowMemory=64m", "-c", "pack.threads=1", "repack", "-d", "-q", "--geometric=2")
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, clean(strings.TrimSpace(string(out)), false))
	}
	return nil
}

// joinPacks copies the packs of this package into one, byte for byte, and
// removes them once that one is durable.
func (s *Store) joinPacks(ctx context.Context, packs []string) error {
	w := newPackWriter(s.gitDir, s.tmpDir())
	defer w.discard()
	var joined []string
	for _, base := range packs {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := w.copyPack(base)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(base), err)
		}
		if ok {
			joined = append(joined, base)
		}
	}
	if len(joined) < 2 {
		return nil
	}
	done, err := w.finish()
	if err != nil {
		return err
	}
	defer done.release()
	for _, base := range joined {
		if base+".pack" == done.path {
			continue
		}
		// The index first: a pack without one is ignored, as in git.
		for _, ext := range []string{".idx", ".rev", ".bitmap", ".pack"} {
			if err := os.Remove(base + ext); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// maxJoined is the size above which a pack stays as it is.
const maxJoined = 256 << 20

// copyPack adds the entries of a pack, if it is small and all of them are whole
// objects. Entries are checked against the CRC of the index.
func (p *packWriter) copyPack(base string) (bool, error) {
	f, err := os.Open(base + ".pack")
	if err != nil {
		return false, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() > maxJoined {
		return false, err
	}
	idx, err := os.Open(base + ".idx")
	if err != nil {
		return false, err
	}
	defer idx.Close()
	table := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(idx).Decode(table); err != nil {
		return false, err
	}
	entries, err := wholeEntries(table, f, fi.Size())
	if err != nil || entries == nil {
		return false, err
	}
	for _, e := range entries {
		if p.seen[e.id] {
			continue
		}
		raw := make([]byte, e.size)
		if _, err := f.ReadAt(raw, int64(e.off)); err != nil {
			return false, err
		}
		if crc32.ChecksumIEEE(raw) != e.crc {
			return false, fmt.Errorf("object %s is damaged", e.id)
		}
		if err := p.addRaw(e.packEntry, raw); err != nil {
			return false, err
		}
	}
	return true, nil
}

type rawEntry struct {
	packEntry
	size int64
}

// wholeEntries lists a pack's entries by offset, or nil when one is a delta.
func wholeEntries(table *idxfile.MemoryIndex, f io.ReaderAt, size int64) ([]rawEntry, error) {
	it, err := table.EntriesByOffset()
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var list []rawEntry
	for {
		e, err := it.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if n := len(list); n > 0 {
			list[n-1].size = int64(e.Offset) - int64(list[n-1].off)
		}
		list = append(list, rawEntry{packEntry: packEntry{id: e.Hash, crc: e.CRC32, off: e.Offset}})
	}
	if n := len(list); n > 0 {
		list[n-1].size = size - 20 - int64(list[n-1].off)
	}
	var head [1]byte
	for _, e := range list {
		if e.size <= 0 || e.size > maxAny {
			return nil, fmt.Errorf("index and pack disagree on object %s", e.id)
		}
		if _, err := f.ReadAt(head[:], int64(e.off)); err != nil {
			return nil, err
		}
		if kind := head[0] >> 4 & 7; kind < 1 || kind > 4 {
			return nil, nil
		}
	}
	return list, nil
}

// addRaw adds an entry as it stood in another pack.
func (p *packWriter) addRaw(e packEntry, raw []byte) error {
	if p.f == nil {
		if err := p.start(); err != nil {
			return err
		}
	}
	e.off = p.off
	if _, err := p.Write(raw); err != nil {
		return err
	}
	p.entries = append(p.entries, e)
	p.seen[e.id] = true
	return nil
}

// refresh makes the next read look at the packs anew.
func (o *objects) refresh() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reset()
}
