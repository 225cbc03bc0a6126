package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// processLock is held for as long as a store is open for writing. The kernel
// drops it when the process dies, so it is never stale; the file only says who.
type processLock struct{ fl *flock.Flock }

const processLockName = "dashkeep.lock"

func takeProcessLock(gitDir, path string, now time.Time) (*processLock, error) {
	name := filepath.Join(gitDir, processLockName)
	fl := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	ok, err := fl.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking repository %s: %w", path, err)
	}
	if !ok {
		return nil, &LockedError{Path: path, Holder: readHolder(name)}
	}
	host, _ := os.Hostname()
	line := fmt.Sprintf("%d %s %s %s\n", os.Getpid(), host, now.UTC().Format(time.RFC3339), commandLine())
	if err := os.WriteFile(name, []byte(line), 0o644); err != nil {
		fl.Unlock()
		return nil, fmt.Errorf("locking repository %s: %w", path, err)
	}
	return &processLock{fl}, nil
}

func (l *processLock) release() error { return l.fl.Unlock() }

// commandLine is the program and its first argument: enough to know it by, and
// no place for a secret.
func commandLine() string {
	args := []string{filepath.Base(os.Args[0])}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		args = append(args, os.Args[1])
	}
	return strings.Join(strings.Fields(strings.Join(args, " ")), " ")
}

func readHolder(name string) Holder {
	data, err := readSmall(name, 4<<10)
	if err != nil {
		return Holder{}
	}
	part := strings.SplitN(strings.TrimSpace(string(data)), " ", 4)
	if len(part) < 3 {
		return Holder{}
	}
	var h Holder
	if h.PID, err = strconv.Atoi(part[0]); err != nil {
		return Holder{}
	}
	h.Host = part[1]
	h.Since, _ = time.Parse(time.RFC3339, part[2])
	if len(part) == 4 {
		h.Command = part[3]
	}
	return h
}

// fileLock is a lock file of Git's protocol: whoever creates NAME.lock may
// change NAME. Git itself writes the new content into the lock and renames it;
// we write the content elsewhere and let the lock hold lockMark from its first
// instant (it is linked into place whole). A lock left by our crash is therefore
// known by its content and removed at start, while one of a running git is left
// alone.
type fileLock struct{ name string }

const (
	lockMark = "dashkeep\n"
	markName = "lockmark"
)

// foreignLockAge is when a lock that is not known to be ours counts as left
// behind. Git holds locks for milliseconds, an interactive commit for minutes.
const foreignLockAge = 24 * time.Hour

// takeFileLock locks path, waiting up to patience for another holder.
func takeFileLock(ctx context.Context, tmp, path string, patience time.Duration) (*fileLock, error) {
	name := path + ".lock"
	deadline := time.Now().Add(patience)
	for {
		err := linkMark(tmp, name)
		if err == nil {
			return &fileLock{name}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, &BusyError{File: name, Age: age(name)}
		}
		t := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}

// linkMark creates name with lockMark in it, or fails with fs.ErrExist.
func linkMark(tmp, name string) error {
	mark := filepath.Join(tmp, markName)
	err := os.Link(mark, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, e := os.Lstat(mark); errors.Is(e, fs.ErrNotExist) {
		if err := ensureMark(tmp); err != nil {
			return err
		}
		if err = os.Link(mark, name); err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// No hard links on this file system: the mark follows an instant later.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(lockMark); err != nil {
		f.Close()
		os.Remove(name)
		return err
	}
	return f.Close()
}

// ensureMark makes the file that locks are links of. It is never written in
// place: a lock must not be born empty.
func ensureMark(tmp string) error {
	mark := filepath.Join(tmp, markName)
	if data, err := readSmall(mark, 64); err == nil && string(data) == lockMark {
		return nil
	}
	if err := mkdirAll(tmp); err != nil {
		return err
	}
	return replaceFile(tmp, mark, []byte(lockMark))
}

func (l *fileLock) release() { os.Remove(l.name) }

// staleLock reports whether a lock file may be removed by the holder of the
// process lock.
func staleLock(name string) bool {
	data, err := readSmall(name, 64)
	if err != nil {
		return false
	}
	return bytes.Equal(data, []byte(lockMark)) || age(name) > foreignLockAge
}

func age(name string) time.Duration {
	fi, err := os.Lstat(name)
	if err != nil {
		return 0
	}
	return max(0, time.Since(fi.ModTime()))
}

// readSmall reads at most limit bytes of a file.
func readSmall(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, limit, name)
}
