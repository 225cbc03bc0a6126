package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// repair puts right what a crash left. It runs with the process lock held, so
// whatever carries our mark is of a dead process. It never makes a commit and
// never takes a branch that had commits for one without.
func (s *Store) repair(ctx context.Context) error {
	if err := s.sweep(); err != nil {
		return fmt.Errorf("cleaning up %s: %w", s.opt.Path, err)
	}
	if err := ensureMark(s.tmpDir()); err != nil {
		return fmt.Errorf("preparing %s: %w", s.opt.Path, err)
	}
	lost, err := s.sanePacks()
	if err != nil {
		return err
	}
	err = s.repairRefs(ctx)
	var broken *BrokenError
	if s.remote != nil && (lost || errors.As(err, &broken) && broken.lost) {
		// Objects are missing, and the remote may have them.
		if e := s.refill(ctx); e != nil {
			s.opt.Log.Error("what is missing could not be fetched again", "remote", s.remote.clean, "error", e)
		} else {
			s.opt.Log.Warn("fetched everything the remote has again", "remote", s.remote.clean)
			err = s.repairRefs(ctx)
		}
	}
	if err != nil {
		return err
	}
	return s.catchUp(ctx)
}

// sweep removes our temporary files and locks, and pack indexes without a pack.
// Temporary files and locks of git are not ours to judge: it may be running.
func (s *Store) sweep() error {
	drop := func(path, why string) {
		if err := os.Remove(path); err == nil {
			s.opt.Log.Info("removed what a crash left", "file", path, "what", why)
		}
	}
	pack := s.file("objects/pack")
	for _, d := range []string{s.tmpDir(), pack} {
		for _, name := range names(d) {
			if strings.HasPrefix(name, ownTemp) {
				drop(filepath.Join(d, name), "temporary file")
			}
		}
	}
	for _, name := range names(pack) {
		path := filepath.Join(pack, name)
		base, ext := strings.TrimSuffix(path, filepath.Ext(path)), filepath.Ext(name)
		switch {
		case ext == ".idx" && !exists(base+".pack"):
			// git removes the index first and writes it last, so this is ours.
			drop(path, "pack index without a pack")
		case ext == ".keep":
			if data, err := readSmall(path, 64); err == nil && string(data) == lockMark {
				drop(path, "guard of a pack")
			}
		}
	}
	for _, name := range []string{"index.lock", "packed-refs.lock", "HEAD.lock"} {
		if path := s.file(name); staleLock(path) {
			drop(path, "lock")
		}
	}
	return filepath.WalkDir(s.file("refs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(path, ".lock") && staleLock(path) || strings.HasPrefix(d.Name(), ownTemp) {
			drop(path, "lock")
		}
		return nil
	})
}

func names(dir string) []string {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// repairRefs looks at the followed branch and our own refs.
func (s *Store) repairRefs(ctx context.Context) error {
	if err := s.repairRef(ctx, s.branch); err != nil {
		return err
	}
	own := s.file(strings.TrimSuffix(OwnPrefix, "/"))
	return filepath.WalkDir(own, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".lock") {
			return err
		}
		rel, err := filepath.Rel(s.gitDir, path)
		if err != nil {
			return err
		}
		return s.repairRef(ctx, filepath.ToSlash(rel))
	})
}

// repairRef restores a reference whose file is empty, cut or gone although its
// reflog has entries. A reference to a commit that cannot be read is refused:
// going back by itself would drop an acknowledged commit that a fetch or a
// backup may still have.
func (s *Store) repairRef(ctx context.Context, name string) error {
	id, err := s.readRef(name)
	if err != nil && !errors.Is(err, errBrokenRef) {
		return err
	}
	if err == nil && !id.IsZero() {
		if name != s.branch {
			return nil // there may be thousands; reading one tells
		}
		return s.checkCommit(name, id)
	}
	past, logErr := s.candidates(name)
	if logErr != nil {
		return logErr
	}
	if len(past) == 0 {
		if err == nil {
			return nil // never had a commit
		}
		return &BrokenError{Path: s.opt.Path, What: name + " is empty and there is no reflog to repair it from",
			Next: fmt.Sprintf("find its last commit with git -C %s fsck --lost-found and run git update-ref %s COMMIT", s.opt.Path, name)}
	}
	if err := s.checkCommit(name, past[0]); err != nil {
		return err
	}
	return s.restoreRef(ctx, name, past[0])
}

// candidates lists the values a reference had, newest first.
func (s *Store) candidates(name string) ([]oid, error) {
	ids, err := s.reflogIDs(name)
	if err != nil || len(ids) > 0 {
		return ids, err
	}
	packed, err := s.packedRefs()
	if err != nil {
		return nil, err
	}
	if id := packed[name]; !id.IsZero() {
		ids = append(ids, id)
	}
	// Of a move that was under way when we died only the old value is certain.
	if old, _ := s.jour.rec.ids(); len(ids) == 0 && !s.jour.rec.Done && s.jour.rec.Ref == name && !old.IsZero() {
		ids = append(ids, old)
	}
	return ids, nil
}

// checkCommit reads a commit and its tree.
func (s *Store) checkCommit(name string, id oid) error {
	c, err := s.obj.commit(id)
	if err == nil {
		_, err = s.obj.read(plumbing.TreeObject, c.tree)
		if errors.Is(err, errTooLarge) {
			err = nil
		}
	}
	if err == nil {
		return nil
	}
	next := "restore the missing objects from the remote or a backup"
	log, _ := s.reflogIDs(name)
	for _, past := range log {
		if past == id {
			continue
		}
		c, e := s.obj.commit(past)
		if e != nil {
			continue
		}
		if known, e := s.obj.has(c.tree); e == nil && known {
			next += fmt.Sprintf("; to go back to the last readable commit instead: git -C %s update-ref %s %s", s.opt.Path, name, past)
			break
		}
	}
	if _, e := os.Lstat(filepath.Join(s.tmpDir(), quarantine)); e == nil {
		next += "; damaged packs are kept in " + filepath.Join(s.tmpDir(), quarantine)
	}
	return &BrokenError{Path: s.opt.Path, What: fmt.Sprintf("%s names %s, which cannot be read (%v)", name, id, err), Next: next, lost: true}
}

func (s *Store) restoreRef(ctx context.Context, name string, id oid) error {
	path := s.file(name)
	if err := makeRefDir(s.gitDir, path); err != nil {
		return err
	}
	lock, err := takeFileLock(ctx, s.tmpDir(), path, lockPatience)
	if err != nil {
		return fmt.Errorf("repairing %s: %w", name, err)
	}
	defer lock.release()
	if have, err := s.readRef(name); err == nil && !have.IsZero() {
		return nil // a git that was at work has finished
	}
	if err := replaceFile(s.tmpDir(), path, []byte(id.String()+"\n")); err != nil {
		return fmt.Errorf("repairing %s: %w", name, err)
	}
	s.opt.Log.Warn("repaired a reference that had lost its value", "ref", name, "commit", id, "from", "reflog")
	return nil
}

// catchUp finishes a move that the working files have not followed.
func (s *Store) catchUp(ctx context.Context) error {
	if s.jour.rec.Done {
		return s.repairIndex(ctx)
	}
	_, new := s.jour.rec.ids()
	have, err := s.readRef(s.jour.rec.Ref)
	if err != nil {
		return err
	}
	past, err := s.reflogIDs(s.branch)
	if err != nil {
		return err
	}
	if have == new && s.jour.rec.Ref == s.branch && (len(past) == 0 || past[0] != new) {
		old, _ := s.jour.rec.ids()
		s.appendReflog(s.branch, old, new, s.opt.Committer, "commit (found after a crash)")
	}
	shown, err := s.checkedOut()
	if err != nil {
		return err
	}
	if have == new && s.jour.rec.Ref == s.branch && shown {
		s.opt.Log.Info("finishing what was interrupted: the working files follow the branch", "commit", new)
		s.follow(ctx)
		return nil
	}
	return s.jour.done()
}

// repairIndex makes a damaged index anew; every git command fails on one.
func (s *Store) repairIndex(ctx context.Context) error {
	if s.work == nil {
		return nil
	}
	if soundIndex(s.file("index")) {
		return nil
	}
	if shown, err := s.checkedOut(); err != nil || !shown {
		return err
	}
	id, err := s.readRef(s.branch)
	if err != nil {
		return err
	}
	tree, err := s.treeOf(id)
	if err != nil {
		return err
	}
	lock, err := takeFileLock(ctx, s.tmpDir(), s.file("index"), indexPatience)
	if err != nil {
		return err
	}
	defer lock.release()
	ix, err := s.loadIndex(tree)
	if err != nil {
		return err
	}
	return writeIndex(s.tmpDir(), s.file("index"), ix)
}
