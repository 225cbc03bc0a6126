package repo_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

// A synchronization in a process of its own, as the benchmarks time it: read the
// source, find what differs from HEAD, commit that. The process says how long it
// took, without the start of this test binary, which is the same for both. Args:
// repository, source, how many files differ, which round this is.
type syncJob struct {
	repo, source  string
	change, round int
}

func (j syncJob) args() []string {
	return []string{j.repo, j.source, strconv.Itoa(j.change), strconv.Itoa(j.round)}
}

func syncJobOf(args []string) (j syncJob, err error) {
	j.repo, j.source = args[0], args[1]
	if j.change, err = strconv.Atoi(args[2]); err == nil {
		j.round, err = strconv.Atoi(args[3])
	}
	return j, err
}

// syncOwn does it with this package and says how many bytes Commit wrote and, where
// the system tells, the peak of the program's own memory (the source is mapped, and
// no part of it).
func syncOwn(j syncJob) error {
	files, err := readSource(j.source, j.change, j.round)
	if err != nil {
		return err
	}
	s, err := repo.Open(context.Background(), repo.Options{Path: j.repo, Branch: "main"})
	if err != nil {
		return err
	}
	defer s.Close()
	stop := watchMemory()
	wrote := written()
	_, err = s.Commit(context.Background(), []repo.Commit{{Changes: files, Message: "sync"}})
	wrote = written() - wrote
	if err != nil && !errors.Is(err, repo.ErrNothingToCommit) {
		return err
	}
	fmt.Printf("wrote %d bytes, peak %d KB\n", wrote, stop())
	return nil
}

// syncNative does it as a program around the git binary would: compare with HEAD's
// tree by hash, write what differs, add, commit. Git runs with its defaults, which
// do not flush what they write.
func syncNative(j syncJob) error {
	files, err := readSource(j.source, j.change, j.round)
	if err != nil {
		return err
	}
	git := func(args ...string) *exec.Cmd {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = j.repo, gitEnv()
		return cmd
	}
	have := map[string]string{}
	if _, err := os.Stat(j.repo); err == nil {
		if have, err = treeOfHead(git("ls-tree", "-r", "-z", "HEAD")); err != nil {
			return err
		}
	} else if err := errors.Join(os.MkdirAll(j.repo, 0o777), git("init", "-q", "-b", "main").Run(), git("config", "gc.auto", "0").Run()); err != nil {
		return err
	}
	for p, data := range files {
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", len(data))
		h.Write(data)
		if fmt.Sprintf("%x", h.Sum(nil)) == have[p] {
			continue
		}
		name := filepath.Join(j.repo, p)
		if err := os.WriteFile(name, data, 0o666); errors.Is(err, os.ErrNotExist) {
			err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, data, 0o666))
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	if out, err := git("add", "-A").CombinedOutput(); err != nil {
		return fmt.Errorf("git add: %w: %s", err, out)
	}
	if out, err := git("commit", "-q", "-m", "sync").CombinedOutput(); err != nil && !strings.Contains(string(out), "nothing to commit") {
		return fmt.Errorf("git commit: %w: %s", err, out)
	}
	return nil
}

// treeOfHead maps paths to blob ids.
func treeOfHead(lsTree *exec.Cmd) (map[string]string, error) {
	out, err := lsTree.Output()
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for e := range strings.SplitSeq(string(out), "\x00") {
		if meta, path, ok := strings.Cut(e, "\t"); ok {
			have[path] = meta[strings.LastIndexByte(meta, ' ')+1:]
		}
	}
	return have, nil
}

// written is how many bytes this process has handed to write calls, where the
// system says so (proc(5)).
func written() int { return procNumber("/proc/self/io", "wchar") }

// watchMemory looks at the memory that is the program's own until stop is called,
// which returns the most that was seen, in KB.
func watchMemory() (stop func() int) {
	var peak atomic.Int64
	look := func() {
		if n := int64(procNumber("/proc/self/status", "RssAnon")); n > peak.Load() {
			peak.Store(n)
		}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			look()
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return func() int {
		close(done)
		<-ended
		look()
		return int(peak.Load())
	}
}

func procNumber(file, name string) int {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if key, value, _ := strings.Cut(sc.Text(), ":"); key == name {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return n
		}
	}
	return 0
}

func helperSync(job string, args []string) int {
	run := syncOwn
	if job == "sync-native" {
		run = syncNative
	}
	start := time.Now()
	j, err := syncJobOf(args)
	if err == nil {
		err = run(j)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, job+":", err)
		return 1
	}
	fmt.Println("took", time.Since(start).Microseconds())
	return 0
}
