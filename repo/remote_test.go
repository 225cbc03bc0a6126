package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/repo"
)

// serve answers smart HTTP for every repository in the lab, by git's own server.
// A request without the password gets 401 when one is set.
func (l *lab) serve(password string) string {
	l.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		l.Skip("no git")
	}
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		l.Skip("no git http-backend")
	}
	h := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + l.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME=/nonexistent"}, InheritEnv: []string{"PATH"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pw, _ := r.BasicAuth(); password != "" && pw != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		// git http-backend 2.39 never ends when a body is cut short, so it gets
		// whole ones only, as behind a buffering proxy.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	}))
	l.Cleanup(srv.Close)
	return srv.URL
}

// remotes runs a test over HTTP and over file://.
func remotes(t *testing.T, test func(t *testing.T, l *lab, url string)) {
	for _, kind := range []string{"http", "file"} {
		t.Run(kind, func(t *testing.T) {
			l := newLab(t)
			bare := l.bare("server.git")
			if kind == "file" {
				test(t, l, "file://"+bare)
				return
			}
			l.git(bare, "config", "http.receivepack", "true")
			test(t, l, l.serve("")+"/server.git")
		})
	}
}

func (l *lab) clone(name, url string) *repo.Store {
	o := l.options(name)
	o.Remote = url
	return l.open(o)
}

func push(t *testing.T, s *repo.Store, refs ...string) {
	t.Helper()
	if err := s.Push(context.Background(), refs...); err != nil {
		t.Fatalf("push: %v", err)
	}
}

func TestPushAndFetch(t *testing.T) {
	remotes(t, func(t *testing.T, l *lab, url string) {
		ctx := context.Background()
		a := l.clone("a", url) // of an empty remote
		first := l.commit(a, map[string]string{"prod/x": "1", "y": "2"})
		push(t, a)
		push(t, a) // nothing new is fine
		server := l.path("server.git")
		if have := l.git(server, "rev-parse", "main"); have != string(first) {
			t.Fatalf("server has %s", have)
		}
		b := l.clone("b", url)
		if rev, ok, _ := b.Head(); !ok || rev != first {
			t.Fatalf("clone is at %s", rev)
		}
		l.cleanStatus(b.Path())
		if l.read(filepath.Join(b.Path(), "prod/x")) != "1" {
			t.Error("no working file after clone")
		}
		// Several commits, own refs, one push each.
		l.commit(a, map[string]string{"prod/x": "2"})
		second := l.commit(a, map[string]string{"z/deep/er": "3", "y": gone})
		base, err := a.WriteRef(ctx, "refs/dashkeep/base/prod", "", map[string][]byte{"prod/x": []byte("2")}, "base")
		if err != nil {
			t.Fatal(err)
		}
		push(t, a, "refs/heads/main", "refs/dashkeep/base/prod")
		if rev, err := b.Fetch(ctx); err != nil || rev != second {
			t.Fatalf("fetch: %s %v", rev, err)
		}
		if rev, ok, _ := b.ReadRef("refs/dashkeep/base/prod"); !ok || rev != base {
			t.Errorf("own ref is %q", rev)
		}
		l.cleanStatus(b.Path())
		if _, err := os.Stat(filepath.Join(b.Path(), "y")); err == nil {
			t.Error("deleted file is still there")
		}
		for _, dir := range []string{a.Path(), b.Path(), server} {
			l.sound(dir)
		}
		if out := l.git(b.Path(), "status", "-sb"); strings.Contains(out, "ahead") || strings.Contains(out, "behind") {
			t.Errorf("tracking branch is off: %s", out)
		}
		// A ref deleted here is deleted there, and then in the other clone.
		if err := a.DeleteRef(ctx, "refs/dashkeep/base/prod"); err != nil {
			t.Fatal(err)
		}
		push(t, a, "refs/dashkeep/base/prod")
		if _, err := b.Fetch(ctx); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := b.ReadRef("refs/dashkeep/base/prod"); ok {
			t.Error("own ref survived its deletion")
		}
	})
}

func TestGT2_NonFastForwardIsMergedOrReported(t *testing.T) {
	remotes(t, func(t *testing.T, l *lab, url string) {
		ctx := context.Background()
		a := l.clone("a", url)
		l.commit(a, map[string]string{"x": "1", "y": "1", "dir/z": "1"})
		push(t, a)
		b := l.clone("b", url)
		human := l.commit(b, map[string]string{"y": "human", "new": "n"})
		push(t, b)

		mine := l.commit(a, map[string]string{"x": "mine"})
		if err := a.Push(ctx); !errors.Is(err, repo.ErrNonFastForward) {
			t.Fatalf("push: %v", err)
		}
		var div *repo.DivergedError
		if rev, err := a.Fetch(ctx); !errors.As(err, &div) || rev != mine || div.Remote != human {
			t.Fatalf("fetch: %s %v", rev, err)
		}
		merged, err := a.FetchAndMerge(ctx)
		if err != nil {
			t.Fatal(err)
		}
		files, _ := a.Files(merged, "")
		if got := fmt.Sprint(asStrings(files)); got != "map[dir/z:1 new:n x:mine y:human]" {
			t.Errorf("merged: %s", got)
		}
		push(t, a)
		l.cleanStatus(a.Path())
		l.sound(a.Path())
		l.sound(l.path("server.git"))
		if out := l.git(a.Path(), "rev-list", "--parents", "-1", "main"); !strings.Contains(out, string(mine)) || !strings.Contains(out, string(human)) {
			t.Errorf("parents: %s", out)
		}

		// The same path on both sides is a person's to decide.
		theirs, err := b.Fetch(ctx)
		if err != nil || theirs != merged {
			t.Fatal(theirs, err)
		}
		l.commit(b, map[string]string{"x": "b's", "dir/z": gone})
		push(t, b)
		kept := l.commit(a, map[string]string{"x": "a's", "dir/w": "w"})
		rev, err := a.FetchAndMerge(ctx)
		if !errors.As(err, &div) || fmt.Sprint(div.Paths) != "[x]" || rev != kept {
			t.Fatalf("%s %v", rev, err)
		}
		if have := l.read(filepath.Join(a.Path(), "x")); have != "a's" {
			t.Errorf("working file is %q", have)
		}
		l.sound(a.Path())
	})
}

func TestGT3_RewrittenOrDeletedRemoteStopsAndKeepsBoth(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name, says string
		do         func(l *lab, server string)
	}{
		{"rewound", "rewritten on the remote", func(l *lab, server string) { l.git(server, "update-ref", "refs/heads/main", "main~1") }},
		{"forced", "rewritten on the remote", func(l *lab, server string) {
			tree := l.git(server, "rev-parse", "main~1^{tree}")
			l.git(server, "update-ref", "refs/heads/main", l.git(server, "commit-tree", "-m", "forced", tree))
		}},
		{"deleted", "deleted on the remote", func(l *lab, server string) { l.git(server, "update-ref", "-d", "refs/heads/main") }},
		{"emptied", "deleted on the remote", func(l *lab, server string) {
			if err := os.RemoveAll(server); err != nil {
				l.Fatal(err)
			}
			l.bare("server.git")
		}},
		{"renamed", "deleted on the remote", func(l *lab, server string) { l.git(server, "branch", "-m", "main", "trunk") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			server := l.bare("server.git")
			a := l.clone("a", "file://"+server)
			l.commit(a, map[string]string{"x": "1"})
			head := l.commit(a, map[string]string{"x": "2"})
			push(t, a)
			c.do(l, server)
			there, _ := l.tryGit(server, "for-each-ref")
			for range 2 { // it does not heal by itself
				var div *repo.DivergedError
				rev, err := a.FetchAndMerge(ctx)
				if !errors.As(err, &div) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "update-ref -d") {
					t.Fatalf("%v", err)
				}
				if rev != head {
					t.Errorf("local head moved to %s", rev)
				}
			}
			if c.name == "deleted" || c.name == "emptied" {
				if err := a.Push(ctx); err == nil {
					t.Error("push made the deleted branch again")
				}
			}
			if now, _ := l.tryGit(server, "for-each-ref"); now != there {
				t.Errorf("the remote was changed:\n%s\n%s", there, now)
			}
		})
	}
}

func TestGT4_RefusalsCarryTheServersWords(t *testing.T) {
	remotes(t, func(t *testing.T, l *lab, url string) {
		ctx := context.Background()
		a := l.clone("a", url)
		l.commit(a, map[string]string{"x": "1"})
		push(t, a)
		server := l.path("server.git")
		hook := filepath.Join(server, "hooks", "pre-receive")
		l.write(hook, "#!/bin/sh\necho 'quota exceeded: buy more'>&2\nexit 1\n")
		os.Chmod(hook, 0o755)
		local := l.commit(a, map[string]string{"x": "2"})
		var rejected *repo.RejectedError
		if err := a.Push(ctx); !errors.As(err, &rejected) || !strings.Contains(rejected.Text, "quota exceeded: buy more") || rejected.Ref != "refs/heads/main" {
			t.Fatalf("%v", err)
		}
		if rev, _, _ := a.Head(); rev != local {
			t.Error("the local commit is gone")
		}

		// A server that takes the branch and not our own refs.
		l.write(hook, "#!/bin/sh\nwhile read o n r; do case $r in refs/dashkeep/*) echo 'no such refs here'>&2; exit 1;; esac; done\n")
		if _, err := a.WriteRef(ctx, "refs/dashkeep/base/p", "", map[string][]byte{"f": []byte("1")}, "base"); err != nil {
			t.Fatal(err)
		}
		var own *repo.OwnRefsError
		err := a.Push(ctx, "refs/heads/main", "refs/dashkeep/base/p")
		if !errors.As(err, &own) || !strings.Contains(err.Error(), "no such refs here") {
			t.Fatalf("%v", err)
		}
		if have := l.git(server, "rev-parse", "main"); have != string(local) {
			t.Error("the branch was not pushed")
		}
		os.Remove(hook)
		l.git(server, "config", "receive.hideRefs", "refs/dashkeep")
		if err := a.Push(ctx, "refs/dashkeep/base/p"); !errors.As(err, &own) || errors.Is(err, repo.ErrNonFastForward) {
			t.Fatalf("hidden refs: %v", err)
		}
		l.sound(server)
	})
}

func TestCredentialsAreAskedForAndNeverShown(t *testing.T) {
	l := newLab(t)
	l.git(l.bare("server.git"), "config", "http.receivepack", "true")
	url := l.serve("s3cr3t-canary")
	o := l.options("a")
	o.Remote = url + "/server.git"
	ctx := context.Background()
	_, err := repo.Open(ctx, o)
	var auth *repo.AuthError
	if !errors.As(err, &auth) {
		t.Fatalf("no credentials: %v", err)
	}
	o.Auth.Basic = func(context.Context) (string, string, error) { return "bot", "wrong-canary", nil }
	if _, err := repo.Open(ctx, o); !errors.As(err, &auth) || strings.Contains(err.Error(), "canary") {
		t.Fatalf("wrong password: %v", err)
	}
	pw := "wrong-canary"
	o.Auth.Basic = func(context.Context) (string, string, error) { return "bot", pw, nil }
	pw = "s3cr3t-canary" // rotated
	s := l.open(o)
	l.commit(s, map[string]string{"x": "1"})
	push(t, s)

	// Credentials in the URL stay out of errors and of .git/config.
	o = l.options("b")
	o.Remote = strings.Replace(url, "http://", "http://bot:s3cr3t-canary@", 1) + "/nowhere.git?token=q-canary"
	if _, err = repo.Open(ctx, o); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error: %v", err)
	}
	o = l.options("c")
	o.Remote = strings.Replace(url, "http://", "http://bot:s3cr3t-canary@", 1) + "/server.git"
	c := l.open(o)
	if cfg := l.read(filepath.Join(c.Path(), ".git/config")); strings.Contains(cfg, "canary") {
		t.Errorf("config:\n%s", cfg)
	}
	o.Path, o.Remote = l.path("d"), "http://127.0.0.1:1/x.git"
	if _, err := repo.Open(ctx, o); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("unreachable: %v", err)
	}
}

func TestPushIsFlatInHistory(t *testing.T) {
	l := newLab(t)
	server := l.bare("server.git")
	o := l.options("a")
	o.Remote = "file://" + server
	a := l.open(o)
	for i := range 30 {
		l.commit(a, map[string]string{"x": fmt.Sprint(i), fmt.Sprintf("d%d/f", i%7): fmt.Sprint(i)})
	}
	push(t, a)
	// Two commits not pushed yet, from a process that no longer knows its packs.
	l.commit(a, map[string]string{"x": "new"})
	l.commit(a, map[string]string{"x": "newer"})
	a.Close()
	a = l.open(o)
	before := l.git(server, "count-objects", "-v")
	push(t, a)
	after := l.git(server, "count-objects", "-v")
	// 2 commits, 2 trees, 2 blobs: fewer than the unpack limit, so loose objects.
	if got := field(after, "count") - field(before, "count"); got != 6 {
		t.Errorf("%d objects were sent instead of 6\n%s\n%s", got, before, after)
	}
	l.sound(server)
}

func field(out, name string) int {
	for line := range strings.Lines(out) {
		var n int
		if _, err := fmt.Sscanf(line, name+": %d", &n); err == nil {
			return n
		}
	}
	return -1
}
