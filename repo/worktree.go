package repo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

const indexPatience = 2 * time.Second

// moveBranch moves ref, and when it is the followed branch and checked out, the
// working files after it. An error means that the branch did not move, except
// for one of the final flush, after which Open finds out.
func (s *Store) moveBranch(ctx context.Context, ref string, old, new oid, who Signature, why string) error {
	if ref == s.branch {
		s.left = nil
	}
	shown, err := s.checkedOut()
	if err != nil {
		return err
	}
	if ref != s.branch || !shown {
		return s.casRef(ctx, ref, old, new, who, why)
	}
	if !s.jour.rec.Done {
		s.follow(ctx) // or the next move would take half-done files for a person's
	}
	before := s.jour.rec
	if err := s.jour.begin(ref, old, new); err != nil {
		return fmt.Errorf("writing the journal: %w; nothing was committed", err)
	}
	if err := s.casRef(ctx, ref, old, new, who, why); err != nil {
		if have, e := s.readRef(ref); e == nil && have != new {
			s.jour.undo(before)
		}
		return err
	}
	s.follow(ctx)
	return nil
}

// checkedOut reports whether the working tree shows the followed branch.
func (s *Store) checkedOut() (bool, error) {
	if s.work == nil {
		return false, nil
	}
	head, err := s.headRef()
	return head == s.branch, err
}

// follow brings the working files in step with the branch. The commit stands,
// so what goes wrong here is logged and tried again at the next move or Open.
func (s *Store) follow(ctx context.Context) {
	s.left = nil
	old, new := s.jour.rec.ids()
	left, err := s.checkout(context.WithoutCancel(ctx), old, new)
	s.left = left
	if err != nil {
		s.opt.Log.Warn("the working files are not in step with the branch yet; the next write or start tries again",
			"path", s.opt.Path, "branch", s.Branch(), "error", err)
		return
	}
	if len(left) > 0 {
		s.opt.Log.Warn("working files with uncommitted edits were left alone", "path", s.opt.Path, "files", clip(left, 10))
	}
	if err := s.jour.done(); err != nil {
		s.opt.Log.Warn("journal not written", "error", err)
	}
}

// checkout changes the working files and the index from one commit to another.
func (s *Store) checkout(ctx context.Context, old, new oid) (left []string, err error) {
	oldTree, err := s.treeOf(old)
	if err != nil {
		return nil, err
	}
	newTree, err := s.treeOf(new)
	if err != nil {
		return nil, err
	}
	lock, err := takeFileLock(ctx, s.tmpDir(), s.file("index"), indexPatience)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	ix, err := s.loadIndex(oldTree)
	if err != nil {
		return nil, err
	}
	co := &checkout{s: s, ix: ix, set: map[string]*indexEntry{}, dirs: map[string]bool{}, touched: map[string]bool{},
		crashed: s.jour.otherBoot(), resumed: s.jour.found}
	defer co.closeFolder()
	var writes []change
	err = s.obj.diffTrees(oldTree, newTree, func(c change) error {
		if why := unsafePath(c.path); why != "" {
			return nil // not a file this package would ever touch
		}
		if c.new.none() {
			return co.one(c) // first, so that a folder can take a file's place
		}
		writes = append(writes, c)
		return nil
	})
	if err != nil {
		return co.left, err
	}
	co.many = len(writes) > flushSingly
	defer co.unstage()
	if err := co.writeAll(ctx, writes); err != nil {
		return co.left, err
	}
	if err := co.publish(); err != nil {
		return co.left, err
	}
	if err := s.flushWork(co.touched, co.many); err != nil {
		return co.left, err
	}
	ix.apply(co.set)
	co.set = nil // its memory is needed now
	return co.left, writeIndex(s.tmpDir(), s.file("index"), ix)
}

// treeOf is the tree of a commit; the zero id has an empty one.
func (s *Store) treeOf(commit oid) (oid, error) {
	if commit.IsZero() {
		return oid{}, nil
	}
	c, err := s.obj.commit(commit)
	if err != nil {
		return oid{}, err
	}
	return c.tree, nil
}

// checkout is one pass over the working files.
type checkout struct {
	s    *Store
	ix   *index
	set  map[string]*indexEntry
	dirs map[string]bool // folders known to be real ones
	left []string

	touched map[string]bool // folders whose names have changed
	many    bool            // files are flushed together in the end
	crashed bool            // power was lost since the journal was written
	resumed bool            // an earlier process was stopped over the same work

	staged []stagedFile

	folder *os.Root // the folder that was used last, and its path
	at     string
}

// one brings one path from c.old to c.new, if what stands there is still c.old
// (or c.new already). Otherwise it is a person's and stays; it then shows as
// modified against the new commit.
func (co *checkout) one(c change) error {
	if co.personal(c) {
		co.left = append(co.left, c.path)
		return nil
	}
	if !co.plain(c) {
		co.skipFile(c)
		return nil
	}
	have, fi, err := co.look(c.path)
	if err != nil {
		return err
	}
	isOld, isNew := have == workAbsent && c.old.none(), have == workAbsent && c.new.none()
	if have == workFile {
		if isOld, isNew, err = co.s.matches(c.path, fi, c.old, c.new); err != nil {
			return err // not being able to look is no sign of an edit
		}
	}
	if have == workFile && !isOld && !isNew && !c.new.none() && (co.crashed || co.resumed && c.old.none()) {
		if isOld, err = co.torn(c, fi); err != nil {
			return err
		}
	}
	switch {
	case isNew && have == workAbsent:
		co.set[c.path] = nil
	case isNew:
		co.record(c, fi)
	case isOld:
		return co.replace(c, fi)
	default:
		co.leave(c)
	}
	return nil
}

func (co *checkout) torn(c change, fi fs.FileInfo) (bool, error) {
	data, err := co.s.obj.readAny(plumbing.BlobObject, c.new.id)
	if err != nil {
		return false, err
	}
	return co.s.torn(c.path, fi, data)
}

// personal reports whether the index holds something of a person's for the
// path: a conflict, staged content that is neither side's, a staged deletion.
func (co *checkout) personal(c change) bool {
	if co.ix.conflicted(c.path) {
		return true
	}
	e := co.ix.get(c.path)
	if e == nil {
		return !c.old.none() && !c.new.none()
	}
	return (c.old.none() || e.id != c.old.id) && (c.new.none() || e.id != c.new.id)
}

// plain reports whether both sides are ordinary files. Links and submodules are
// never made or removed.
func (co *checkout) plain(c change) bool {
	ok := func(e entry) bool { return e.none() || e.isFile() }
	return ok(c.old) && ok(c.new) && !co.skipped(c.path)
}

// skipped reports whether a sparse checkout leaves the path out.
func (co *checkout) skipped(p string) bool {
	e := co.ix.get(p)
	return e != nil && e.ext&extSkipTree != 0
}

// skipFile updates the index alone. A link or submodule that is not in the
// working tree is marked as left out, so that git does not report it deleted.
func (co *checkout) skipFile(c change) {
	if c.new.none() {
		co.set[c.path] = nil
		return
	}
	e := &indexEntry{path: c.path, id: c.new.id}
	e.setMode(c.new.mode)
	if have, _, err := co.s.workFile(c.path, co.dirs); err == nil && have == workAbsent {
		e.ext |= extSkipTree
	}
	co.set[c.path] = e
}

// leave keeps the file and lets the index follow the branch, so that the edit
// shows as an edit of the new content.
func (co *checkout) leave(c change) {
	co.left = append(co.left, c.path)
	if c.new.none() {
		co.set[c.path] = nil
		return
	}
	e := &indexEntry{path: c.path, id: c.new.id} // no size: git compares the content
	e.setMode(c.new.mode)
	co.set[c.path] = e
}

func (co *checkout) record(c change, fi fs.FileInfo) {
	e := &indexEntry{path: c.path, id: c.new.id}
	if old := co.ix.get(c.path); old != nil {
		e.flags, e.ext = old.flags, old.ext
	}
	e.setMode(c.new.mode)
	e.fillStat(fi)
	co.set[c.path] = e
}

// replace makes the path hold the new content; was is the file that stands there, nil
// for none.
func (co *checkout) replace(c change, was fs.FileInfo) error {
	if c.new.none() {
		if err := co.s.work.Remove(filepath.FromSlash(c.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		parents(co.touched, c.path)
		co.closeFolder()
		co.s.pruneDirs(path.Dir(c.path))
		clear(co.dirs)
		co.set[c.path] = nil
		return nil
	}
	data, err := co.s.obj.readAny(plumbing.BlobObject, c.new.id)
	if errors.Is(err, errTooLarge) {
		co.leave(c)
		return nil
	}
	if err != nil {
		return err
	}
	if dir := path.Dir(c.path); dir != "." && !co.dirs[dir] {
		if err := co.s.work.MkdirAll(filepath.FromSlash(dir), 0o777); err != nil {
			return err
		}
		co.dirs[dir] = true
	}
	parents(co.touched, c.path)
	if co.many && was == nil {
		made, err := co.create(c, data)
		if err == nil && !made {
			co.leave(c) // a person made it a moment ago
		}
		return err
	}
	return co.stage(c, data, was)
}

// What stands at a path of the working tree.
const (
	workAbsent = iota
	workFile
	workOther // a folder, a link, a device, or below a link
)

// workFile looks at a path without following links. dirs remembers folders that
// are real ones.
func (s *Store) workFile(p string, dirs map[string]bool) (int, fs.FileInfo, error) {
	for i := 0; i < len(p); i++ {
		if p[i] != '/' || dirs[p[:i]] {
			continue
		}
		fi, err := s.work.Lstat(filepath.FromSlash(p[:i]))
		if errors.Is(err, fs.ErrNotExist) {
			return workAbsent, nil, nil
		}
		if err != nil {
			return 0, nil, err
		}
		if !fi.IsDir() {
			return workOther, nil, nil
		}
		dirs[p[:i]] = true
	}
	return lookAt(s.work, p)
}

// matches compares a working file with two blobs by bytes. A file that differs
// only in CRLF line ends was checked out so by git and counts as the same.
func (s *Store) matches(p string, fi fs.FileInfo, a, b entry) (isA, isB bool, err error) {
	f, err := s.work.Open(filepath.FromSlash(p))
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	is := func(id oid) (bool, bool) {
		return !a.none() && a.id == id, !b.none() && b.id == id
	}
	if fi.Size() > MaxBlob {
		id, err := hashStream(f, fi.Size())
		isA, isB = is(id)
		return isA, isB, err
	}
	data, err := readLimited(f, MaxBlob, p)
	if err != nil {
		return false, false, err
	}
	isA, isB = is(hashObject(plumbing.BlobObject, data))
	if !isA && !isB && bytes.Contains(data, []byte("\r\n")) {
		isA, isB = is(hashObject(plumbing.BlobObject, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))))
	}
	return isA, isB, nil
}

// hashStream is the blob id of a large file; zero when it changed meanwhile.
func hashStream(r io.Reader, size int64) (id oid, err error) {
	h := sha1.New()
	io.WriteString(h, "blob "+strconv.FormatInt(size, 10)+"\x00")
	n, err := io.Copy(h, io.LimitReader(r, size+1))
	if err != nil || n != size {
		return oid{}, err
	}
	h.Sum(id[:0])
	return id, nil
}

// pruneDirs removes folders that became empty, as git does.
func (s *Store) pruneDirs(d string) {
	for d != "." && d != "/" && s.work.Remove(filepath.FromSlash(d)) == nil {
		d = path.Dir(d)
	}
}

// unsafePath is unsafeName for each component.
func unsafePath(p string) string {
	for p != "" {
		name, rest, _ := strings.Cut(p, "/")
		if why := unsafeName(name); why != "" {
			return why
		}
		p = rest
	}
	return ""
}
