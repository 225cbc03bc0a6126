package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// reflogTail is how much of a reflog's end is read: some thousand moves.
const reflogTail = 1 << 20

// appendReflog records a move in Git's log of the reference, and of HEAD when
// HEAD names it. It is written whatever core.logAllRefUpdates says, since a
// reference broken by something else is repaired from it. A failure is logged
// only: the move has happened.
func (s *Store) appendReflog(name string, old, new oid, who Signature, why string) {
	if who.Name == "" && who.Email == "" {
		who = s.opt.Committer
	}
	who.When = s.opt.Now()
	line := fmt.Sprintf("%s %s %s\t%s\n", old, new, who.encode(), clean(why, false))
	logs := []string{name}
	if head, err := s.headRef(); err == nil && head == name {
		logs = append(logs, "HEAD")
	}
	for _, l := range logs {
		if err := appendLine(s.file("logs/"+l), line); err != nil {
			s.opt.Log.Warn("reflog not written", "ref", l, "error", err)
		}
	}
}

// appendLine adds one line in one write call.
func appendLine(path, line string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// reflogIDs lists the latest values a reference has had, newest first. Lines
// that a power failure cut are passed over.
func (s *Store) reflogIDs(name string) ([]oid, error) {
	data, err := readTail(s.file("logs/"+name), reflogTail)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the reflog of %s: %w", name, err)
	}
	var ids []oid
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || !plumbing.IsHash(f[1]) {
			continue
		}
		if id := plumbing.NewHash(f[1]); !id.IsZero() {
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// readTail reads the last limit bytes of a file.
func readTail(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, fi.Size()-limit), limit))
}
