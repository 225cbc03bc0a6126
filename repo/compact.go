package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Each commit makes a pack, and each pack costs every start of a program 0.3 ms.
// compactAt is how many there may be; what a pull adds on top stays below git's
// own limit of 50.
const compactAt = 40

// CompactQuickly is the limit for Compact where somebody waits: git packs 16 MiB
// in half a second, copying them takes a tenth of one.
const CompactQuickly = 16 << 20

// Compact joins packs when there are more than 40 of them. Otherwise it does
// nothing. The packs that are left form a geometric progression, each at least as
// large as twice all smaller ones together, so that a byte is copied again only
// a few times. It uses a git binary when there is one (git repack --geometric,
// which also packs tighter) and copies by itself when there is none. Nothing is
// ever thrown away.
//
// limit bounds the bytes that are packed anew, 0 is no bound. Reading and writing
// go on meanwhile; a second Compact at the same time does nothing. Errors are of
// no consequence but that the packs stay.
func (s *Store) Compact(ctx context.Context, limit int64) error {
	if s.opt.ReadOnly {
		return ErrReadOnly
	}
	if !s.compacting.TryLock() {
		return nil
	}
	defer s.compacting.Unlock()
	packs, err := s.packs()
	if err != nil || len(packs) <= compactAt {
		return err
	}
	defer s.obj.refresh()
	all := rollUp(packs, 0)
	git, err := exec.LookPath("git")
	if err == nil && (limit <= 0 || sizeOf(all) <= limit) {
		if err = s.nativeRepack(ctx, git); err == nil || ctx.Err() != nil {
			return err
		}
		s.opt.Log.Warn("git repack failed; joining packs without it", "error", err)
	}
	if err := s.joinPacks(ctx, rollUp(packs, limit)); err != nil {
		return fmt.Errorf("joining packs of %s: %w", s.opt.Path, err)
	}
	return nil
}

// packFile is a pack that may be replaced.
type packFile struct {
	base string // path without an ending
	size int64
}

// packs lists them, the smallest first.
func (s *Store) packs() ([]packFile, error) {
	dir := s.file("objects/pack")
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []packFile
	for _, e := range list {
		base, ok := strings.CutSuffix(filepath.Join(dir, e.Name()), ".pack")
		if !ok || !exists(base+".idx") || exists(base+".keep") || exists(base+".promisor") || exists(base+".mtimes") {
			continue
		}
		if fi, err := e.Info(); err == nil { // else a git took it away
			out = append(out, packFile{base, fi.Size()})
		}
	}
	slices.SortFunc(out, func(a, b packFile) int { return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.base, b.base)) })
	return out, nil
}

// rollUp chooses the packs to join: the smallest ones, and so many that the rest
// is a geometric progression, but not more bytes than limit.
func rollUp(packs []packFile, limit int64) []packFile {
	n := 0
	for i, sum := 0, int64(0); i < len(packs); i++ {
		if packs[i].size < 2*sum {
			n = i + 1
		}
		sum += packs[i].size
	}
	for limit > 0 && n > 0 && sizeOf(packs[:n]) > limit {
		n--
	}
	if n < 2 {
		return nil
	}
	return packs[:n]
}

func sizeOf(packs []packFile) (sum int64) {
	for _, p := range packs {
		sum += p.size
	}
	return sum
}

// nativeRepack runs without the user's configuration and hooks, and flushes what
// it writes, which git does not do by default.
func (s *Store) nativeRepack(ctx context.Context, git string) error {
	cmd := exec.CommandContext(ctx, git, "--git-dir", s.gitDir, "-c", "core.fsync=all", "-c", "core.hooksPath=/dev/null",
		"-c", "pack.windowMemory=64m", "-c", "pack.threads=1", "-c", "repack.writeBitmaps=false", "repack", "-d", "-q", "--geometric=2")
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // git cleans up then
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, clean(strings.TrimSpace(string(out)), false))
	}
	return nil
}

// joinPacks copies packs into one and removes them once that one is durable.
func (s *Store) joinPacks(ctx context.Context, packs []packFile) error {
	w := newPackWriter(s.gitDir, s.tmpDir())
	w.forget = true
	defer w.discard()
	var joined []string
	for _, p := range packs {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := s.copyPack(ctx, w, p)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(p.base), err)
		}
		if ok {
			joined = append(joined, p.base)
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
	// An index over several packs names what is removed now; git makes it anew.
	for _, name := range []string{"multi-pack-index", "multi-pack-index.d"} {
		if err := os.RemoveAll(s.file("objects/pack/" + name)); err != nil {
			return err
		}
	}
	for _, base := range joined {
		if base+".pack" == done.path {
			continue
		}
		// The pack first: an index without one is ignored by git and go-git alike,
		// and the next start removes it. A pack without an index would stay for ever.
		for _, ext := range []string{".pack", ".rev", ".bitmap", ".idx"} {
			if err := os.Remove(base + ext); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
