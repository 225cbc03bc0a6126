package repo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	headsPrefix = "refs/heads/"
	// OwnPrefix is where own refs live; git leaves them alone.
	OwnPrefix = "refs/dashkeep/"

	lockPatience = 3 * time.Second
	maxRefFile   = 64 << 10
	maxPacked    = 64 << 20
)

// What the file of a reference may hold instead of an id.
var (
	errBrokenRef = errors.New("holds no commit id")
	errSymbolic  = errors.New("is a symbolic reference, which is not supported here")
)

// readRef returns the value of a reference, zero when there is none. A file
// that is there and holds no id is an error and never "no commits yet".
func (s *Store) readRef(name string) (oid, error) {
	data, err := readSmall(s.file(name), maxRefFile)
	if err == nil {
		return parseRef(name, data)
	}
	if !errors.Is(err, fs.ErrNotExist) && !isDirectory(s.file(name)) {
		return oid{}, fmt.Errorf("reading %s: %w", name, err)
	}
	packed, err := s.packedRefs()
	if err != nil {
		return oid{}, err
	}
	if id, ok := packed[name]; ok {
		return id, nil
	}
	// git pack-refs may have moved it the other way between the two looks.
	if data, err := readSmall(s.file(name), maxRefFile); err == nil {
		return parseRef(name, data)
	}
	return oid{}, nil
}

func parseRef(name string, data []byte) (oid, error) {
	text := strings.TrimSpace(string(data))
	if strings.HasPrefix(text, "ref:") {
		return oid{}, fmt.Errorf("%s %w", name, errSymbolic)
	}
	if !plumbing.IsHash(text) || plumbing.NewHash(text).IsZero() {
		return oid{}, fmt.Errorf("%s %w", name, errBrokenRef)
	}
	return plumbing.NewHash(text), nil
}

func isDirectory(name string) bool {
	fi, err := os.Lstat(name)
	return err == nil && fi.IsDir()
}

// file is the file of a reference or anything else in the Git folder.
func (s *Store) file(name string) string { return filepath.Join(s.gitDir, filepath.FromSlash(name)) }

// tmpDir holds what is not published yet; nothing in it survives Open.
func (s *Store) tmpDir() string { return filepath.Join(s.gitDir, "dashkeep") }

// packedRefs reads the file that git pack-refs writes.
func (s *Store) packedRefs() (map[string]oid, error) {
	data, err := readSmall(s.file("packed-refs"), maxPacked)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading packed-refs: %w", err)
	}
	refs := map[string]oid{}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		id, name, ok := strings.Cut(sc.Text(), " ")
		if ok && plumbing.IsHash(id) {
			refs[strings.TrimSpace(name)] = plumbing.NewHash(id)
		}
	}
	return refs, sc.Err()
}

// listRefs returns all references whose name starts with prefix.
func (s *Store) listRefs(prefix string) (map[string]oid, error) {
	refs := map[string]oid{}
	packed, err := s.packedRefs()
	if err != nil {
		return nil, err
	}
	for name, id := range packed {
		if strings.HasPrefix(name, prefix) {
			refs[name] = id
		}
	}
	root := s.file("refs")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(s.gitDir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, ".lock") || strings.HasPrefix(d.Name(), ownTemp) {
			return nil
		}
		id, err := s.readRef(name)
		if err != nil || id.IsZero() {
			return nil // a symbolic or broken one; reading it by name tells
		}
		refs[name] = id
		return nil
	})
	return refs, err
}

// casRef moves a reference from old to new: the atomic commit point. It holds
// Git's own lock on the reference, so git and this package cannot both win.
func (s *Store) casRef(ctx context.Context, name string, old, new oid, who Signature, why string) error {
	path := s.file(name)
	if err := makeRefDir(s.gitDir, path); err != nil {
		return fmt.Errorf("moving %s: %w", name, err)
	}
	lock, err := takeFileLock(ctx, s.tmpDir(), path, lockPatience)
	if err != nil {
		return fmt.Errorf("moving %s: %w", name, err)
	}
	defer lock.release()
	have, err := s.readRef(name)
	if err != nil {
		return err
	}
	if have != old {
		return &MovedError{Ref: name, Expected: revision(old), Have: revision(have)}
	}
	if have == new {
		return nil
	}
	if err := replaceFile(s.tmpDir(), path, []byte(new.String()+"\n")); err != nil {
		return fmt.Errorf("moving %s: %w", name, err)
	}
	s.appendReflog(name, old, new, who, why)
	return nil
}

// makeRefDir makes the folder of a reference. Empty folders that stand where
// the reference goes (git leaves them) are removed.
func makeRefDir(gitDir, path string) error {
	if isDirectory(path) {
		var dirs []string
		filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, p)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := os.Remove(dirs[i]); err != nil {
				return fmt.Errorf("other references stand below it: %w", err)
			}
		}
	}
	return mkdirAll(filepath.Dir(path))
}

// deleteRef removes a reference that has the value old.
func (s *Store) deleteRef(ctx context.Context, name string, old oid) error {
	path := s.file(name)
	if err := mkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	lock, err := takeFileLock(ctx, s.tmpDir(), path, lockPatience)
	if err != nil {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	defer lock.release()
	have, err := s.readRef(name)
	if err != nil {
		return err
	}
	if have != old {
		return &MovedError{Ref: name, Expected: revision(old), Have: revision(have)}
	}
	// Packed first: in the other order an old value would come back to life.
	if err := s.unpackRef(ctx, name); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	os.Remove(s.file("logs/" + name))
	return syncDir(filepath.Dir(path))
}

// unpackRef takes a reference out of packed-refs.
func (s *Store) unpackRef(ctx context.Context, name string) error {
	packed, err := s.packedRefs()
	if err != nil {
		return err
	}
	if _, ok := packed[name]; !ok {
		return nil
	}
	path := s.file("packed-refs")
	lock, err := takeFileLock(ctx, s.tmpDir(), path, lockPatience)
	if err != nil {
		return err
	}
	defer lock.release()
	data, err := readSmall(path, maxPacked)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	skip := false
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "^") { // a peeled value belongs to the line before
			_, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
			skip = ref == name
		}
		if !skip {
			out.WriteString(line)
		}
	}
	return replaceFile(s.tmpDir(), path, out.Bytes())
}

// headRef is the branch that HEAD names, or "" when HEAD is a bare commit.
func (s *Store) headRef() (string, error) {
	data, err := readSmall(s.file("HEAD"), maxRefFile)
	if err != nil {
		return "", fmt.Errorf("reading HEAD: %w", err)
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "ref:")
	if !ok {
		return "", nil
	}
	return strings.TrimSpace(target), nil
}
