package repo

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// Files reads every file at or below prefix ("" is all) in a revision; the zero
// revision has none. Links, submodules, entries whose names are unsafe and files
// over MaxBlob are not read: the result then comes with an *EntriesError that
// lists them, so that nobody takes them for absent. More than MaxFiles files are
// an error.
func (s *Store) Files(rev Revision, prefix string) (map[string][]byte, error) {
	files := map[string][]byte{}
	if rev.IsZero() {
		return files, nil
	}
	prefix = cleanPrefix(prefix)
	root, err := s.treeOf(rev.oid())
	if err != nil {
		return nil, err
	}
	at, err := s.obj.entryAt(root, prefix)
	if err != nil || at.none() {
		return files, err
	}
	bad := &EntriesError{Revision: rev}
	read := func(path string, e entry) error {
		if len(files) >= MaxFiles {
			return fmt.Errorf("revision %s has more than %d files below %q", rev.Short(), MaxFiles, prefix)
		}
		data, why, err := s.readEntry(path, e)
		switch {
		case err != nil:
			return err
		case why != "":
			bad.Entries = append(bad.Entries, BadEntry{path, why})
		default:
			files[path] = data
		}
		return nil
	}
	if at.isDir() {
		err = s.obj.walkTree(at.id, prefix, read)
	} else {
		err = read(prefix, at)
	}
	if err != nil {
		return nil, err
	}
	if len(bad.Entries) > 0 {
		return files, bad
	}
	return files, nil
}

// File reads one file. Errors: ErrNotFound, *EntriesError.
func (s *Store) File(rev Revision, path string) ([]byte, error) {
	root, err := s.treeOf(rev.oid())
	if err != nil {
		return nil, err
	}
	e, err := s.obj.entryAt(root, cleanPrefix(path))
	if err != nil {
		return nil, err
	}
	if e.none() || e.isDir() {
		return nil, fmt.Errorf("%s in revision %s: %w", path, orNone(rev), ErrNotFound)
	}
	data, why, err := s.readEntry(path, e)
	if err == nil && why != "" {
		err = &EntriesError{rev, []BadEntry{{path, why}}}
	}
	return data, err
}

// readEntry reads a file, or says why it is not read.
func (s *Store) readEntry(path string, e entry) (data []byte, why string, err error) {
	if why := unsafePath(path); why != "" {
		return nil, why, nil
	}
	if !e.isFile() {
		return nil, e.kindName(), nil
	}
	data, err = s.obj.read(plumbing.BlobObject, e.id)
	if errors.Is(err, errTooLarge) {
		return nil, fmt.Sprintf("larger than %d bytes", MaxBlob), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", path, err)
	}
	return data, "", nil
}
