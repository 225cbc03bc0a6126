package repo_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

func TestCC1_SecondWriterIsToldWhoHoldsTheLock(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1"})
	_, err := repo.Open(context.Background(), l.options("work"))
	var locked *repo.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("second writer: %v", err)
	}
	host, _ := os.Hostname()
	if h := locked.Holder; h.PID != os.Getpid() || h.Host != host || h.Since.IsZero() || h.Command == "" {
		t.Errorf("holder: %+v", h)
	}
	// A reader needs no lock, and cannot write.
	o := l.options("work")
	o.ReadOnly = true
	r := l.open(o)
	if _, ok, err := r.Head(); !ok || err != nil {
		t.Errorf("reader: %v %v", ok, err)
	}
	if _, err := r.Commit(context.Background(), []repo.Commit{commit(map[string]string{"b": "1"}, "x")}); !errors.Is(err, repo.ErrReadOnly) {
		t.Errorf("reader commits: %v", err)
	}
	s.Close()
	if _, err := s.Commit(context.Background(), nil); !errors.Is(err, repo.ErrReadOnly) {
		t.Errorf("closed store commits: %v", err)
	}
	l.open(l.options("work"))
}

// hammer opens, commits and closes, over and over, and says what was accepted.
func hammer(path, args string) int {
	who, count, _ := strings.Cut(args, " ")
	n, _ := strconv.Atoi(count)
	for i := 0; i < n; {
		s, err := repo.Open(context.Background(), repo.Options{Path: path, Branch: "main"})
		var locked *repo.LockedError
		if errors.As(err, &locked) {
			time.Sleep(time.Millisecond) // the other one's turn
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		rev, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{who + "/f": fmt.Sprint(i)}, who)})
		s.Close()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println("ack", rev)
		i++
	}
	return 0
}

func TestCC1_TwoProcessesAndAPersonLoseNothing(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1"})
	dir := s.Path()
	s.Close()
	const each = 25
	var out [2]bytes.Buffer
	var cmds [2]*exec.Cmd
	for i, who := range []string{"one", "two"} {
		f := fault{l: l, job: "hammer", remote: fmt.Sprintf("%s %d", who, each)}
		cmds[i] = f.command(dir)
		cmds[i].Stdout, cmds[i].Stderr = &out[i], &out[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	// CC2: a person commits and collects garbage meanwhile.
	var acks []string
	for i := range 5 {
		l.write(filepath.Join(dir, "person"), fmt.Sprint(i))
		l.tryGit(dir, "add", "person")
		if _, err := l.tryGit(dir, "commit", "-q", "-m", "by a person", "--", "person"); err == nil {
			acks = append(acks, l.git(dir, "log", "-1", "--format=%H", "--author=Person", "main"))
		}
		l.tryGit(dir, "gc", "-q", "--prune=now")
	}
	for i := range cmds {
		if err := cmds[i].Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, out[i].String())
		}
		sc := bufio.NewScanner(&out[i])
		for sc.Scan() {
			if rev, ok := strings.CutPrefix(sc.Text(), "ack "); ok {
				acks = append(acks, rev)
			}
		}
	}
	reachable := map[string]bool{}
	for rev := range strings.FieldsSeq(l.git(dir, "rev-list", "main")) {
		reachable[rev] = true
	}
	lost := 0
	for _, rev := range acks {
		if !reachable[rev] {
			lost++
		}
	}
	if lost > 0 || len(acks) < 2*each {
		t.Errorf("%d acknowledged, %d lost", len(acks), lost)
	}
	t.Logf("%d acknowledged commits, %d lost", len(acks), lost)
	l.sound(dir)
}

// A person commits, packs and collects garbage with git while this process
// commits: nobody's acknowledged commit is lost, and nobody's lock is broken.
func TestCC2_APersonWithGitAtTheSameTime(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "0"})
	dir := s.Path()
	const rounds = 12
	var person []string
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range rounds {
			name := filepath.Join(dir, "person")
			if err := os.WriteFile(name, fmt.Append(nil, i), 0o644); err != nil {
				t.Error(err)
			}
			l.tryGit(dir, "add", "person")
			if out, err := l.tryGit(dir, "commit", "-q", "-m", fmt.Sprint("person ", i), "--", "person"); err == nil {
				person = append(person, fmt.Sprint("person ", i))
			} else if !strings.Contains(out, "lock") && !strings.Contains(out, "expected") {
				t.Errorf("git commit: %v %s", err, out) // losing the race for a lock is fine
			}
			l.tryGit(dir, [][]string{{"pack-refs", "--all"}, {"gc", "-q", "--prune=now"}, {"repack", "-adq"}}[i%3]...)
		}
	})
	var ours []repo.Revision
	var old repo.Revision
	for i := range 3 * rounds {
		rev, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{"a": fmt.Sprint("ours ", i)}, "ours")})
		var busy *repo.BusyError
		switch {
		case errors.As(err, &busy): // a git command had the lock for long
		case err != nil:
			t.Errorf("commit %d: %v", i, err)
		default:
			ours = append(ours, rev)
		}
		if old, err = s.WriteRef(context.Background(), "refs/dashkeep/base/prod", old, map[string][]byte{"x": fmt.Append(nil, i)}, "base"); err != nil {
			t.Fatalf("own ref %d: %v", i, err)
		}
	}
	wg.Wait()
	log := l.git(dir, "log", "--format=%H %s", "main")
	for _, rev := range ours {
		if !strings.Contains(log, string(rev)) {
			t.Errorf("our commit %s is lost", rev)
		}
	}
	for _, subject := range person {
		if !strings.Contains(log+"\n", subject+"\n") {
			t.Errorf("the person's commit %q is lost", subject)
		}
	}
	if n := l.git(dir, "rev-list", "--count", "refs/dashkeep/base/prod"); n != fmt.Sprint(3*rounds) {
		t.Errorf("%s commits of the own ref", n)
	}
	if len(ours) == 0 || len(person) == 0 {
		t.Errorf("%d commits of ours, %d of the person", len(ours), len(person))
	}
	t.Logf("%d commits of ours and %d of a person", len(ours), len(person))
	l.sound(dir)
	for _, f := range leftovers(dir) {
		t.Errorf("left behind: %s", f)
	}
}

func TestReadersAndAWriterInOneProcess(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"dir/a": "0", "b": "0"})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				head, _, err := s.Head()
				if err != nil {
					t.Error(err)
					return
				}
				files, err := s.Files(head, "")
				if err != nil || string(files["dir/a"]) != string(files["b"]) {
					t.Errorf("half a commit was read: %v %v", asStrings(files), err)
					return
				}
				if _, err := s.Log(head, "b", 3); err != nil {
					t.Error(err)
				}
				if _, err := s.Dirty(context.Background(), ""); err != nil {
					t.Error(err)
				}
				if _, err := s.Resolve("main~0"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 20 {
		l.commit(s, map[string]string{"dir/a": fmt.Sprint(i + 1), "b": fmt.Sprint(i + 1)})
	}
	close(stop)
	wg.Wait()
	l.cleanStatus(s.Path())
}
