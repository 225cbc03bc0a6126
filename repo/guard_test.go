package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/repo"
)

// rawTree stores a tree object that native git would refuse to make.
func (l *lab) rawTree(dir string, entries ...string) string {
	l.Helper()
	var b bytes.Buffer
	for i := 0; i < len(entries); i += 2 {
		b.WriteString(entries[i] + "\x00")
		for j := 0; j < 40; j += 2 {
			var c byte
			fmt.Sscanf(entries[i+1][j:j+2], "%02x", &c)
			b.WriteByte(c)
		}
	}
	cmd := exec.Command("git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	cmd.Dir, cmd.Env, cmd.Stdin = dir, gitEnv(), &b
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.Fatalf("hash-object: %v %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func (l *lab) blob(dir, content string) string {
	l.write(l.path("blob"), content)
	return l.git(dir, "hash-object", "-w", l.path("blob"))
}

func TestGC1_HostileTreesTouchNothingOutside(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	server := l.bare("server.git")
	a := l.clone("a", "file://"+server)
	l.commit(a, map[string]string{"prod/ok": "1\n"})
	push(t, a)

	evil := l.blob(server, "#!/bin/sh\ntouch "+l.path("pwned")+"\n")
	big := l.blob(server, strings.Repeat("x", repo.MaxBlob+1))
	link := l.blob(server, "../../outside")
	gitLink := l.blob(server, ".git/hooks")
	hooks := l.rawTree(server, "100755 post-checkout", evil)
	dotgit := l.rawTree(server, "40000 hooks", hooks, "100644 config", evil)
	prod := l.rawTree(server, "120000 link", link, "100644 ok", l.blob(server, "2\n"), "160000 sub", "0123456789012345678901234567890123456789", "100644 too-big", big)
	root := l.rawTree(server, "40000 ..", dotgit, "40000 .GIT", dotgit, "40000 .git", dotgit, "40000 git~1", dotgit,
		"120000 hooklink", gitLink, "40000 prod", prod, "100644 .gitmodules", l.blob(server, "[submodule \"s\"]\npath=s\nurl=--upload-pack=touch "+l.path("pwned")+"\n"))
	commit := l.git(server, "commit-tree", "-m", "evil", "-p", "main", root)
	l.git(server, "update-ref", "refs/heads/main", commit)
	rev, err := a.Fetch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if string(rev) != commit {
		t.Fatalf("at %s", rev)
	}
	for _, p := range []string{l.path("pwned"), l.path("outside"), l.path("hooks"), l.path("config"), filepath.Join(a.Path(), ".git/hooks/post-checkout"),
		filepath.Join(a.Path(), "git~1"), filepath.Join(a.Path(), "hooklink"), filepath.Join(a.Path(), "prod/link"), filepath.Join(a.Path(), "prod/sub"), filepath.Join(a.Path(), ".GIT")} {
		if _, err := os.Lstat(p); err == nil {
			t.Errorf("%s was made", p)
		}
	}
	if cfg := l.read(filepath.Join(a.Path(), ".git/config")); strings.Contains(cfg, "pwned") {
		t.Error("config was replaced")
	}
	if l.read(filepath.Join(a.Path(), "prod/ok")) != "2\n" {
		t.Error("the honest file did not follow")
	}
	// Reading names what was not read, and gives the rest.
	files, err := a.Files(rev, "prod")
	var bad *repo.EntriesError
	if !errors.As(err, &bad) || len(bad.Entries) != 3 || string(files["prod/ok"]) != "2\n" || len(files) != 1 {
		t.Errorf("%v: %v", files, err)
	}
	_, err = a.Files(rev, "")
	if !errors.As(err, &bad) || len(bad.Entries) != 3+8+1 {
		t.Errorf("whole tree: %v", err)
	}
	if _, err := a.File(rev, "prod/link"); !errors.As(err, &bad) {
		t.Errorf("a link was read: %v", err)
	}
	// Work goes on beside it.
	l.commit(a, map[string]string{"prod/ok": "3\n"})
	push(t, a)
	if d := dirty(t, a, "prod"); d != "prod/too-big" && d != "" {
		t.Errorf("dirty: %s", d)
	}
}

// Hooks, filters, includes and commands that the repository's own configuration
// names are never run, whatever is done with it.
func TestGC1_NothingOfTheRepositoryIsRun(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	server := l.bare("server.git")
	s := l.clone("work", "file://"+server)
	l.commit(s, map[string]string{"a": "1\n"})
	push(t, s)
	s.Close()
	git := filepath.Join(s.Path(), ".git")
	evil := l.path("evil.sh")
	l.write(evil, "#!/bin/sh\necho $0 $* >> "+l.path("ran")+"\ncat\n")
	os.Chmod(evil, 0o755)
	os.MkdirAll(filepath.Join(git, "hooks"), 0o755)
	for _, hook := range []string{"pre-commit", "post-commit", "commit-msg", "post-checkout", "post-merge", "pre-push", "reference-transaction",
		"post-index-change", "pre-auto-gc", "post-rewrite", "update", "pre-receive", "post-receive", "fsmonitor-watchman"} {
		copyTree(t, evil, filepath.Join(git, "hooks", hook))
	}
	l.write(l.path("included"), "[core]\n\tfsmonitor = "+evil+"\n[filter \"x\"]\n\tsmudge = "+evil+"\n\tclean = "+evil+"\n")
	config := l.read(git + "/config")
	for key, value := range map[string]string{"core.fsmonitor": evil, "core.sshCommand": evil, "core.editor": evil, "core.pager": evil, "core.askPass": evil,
		"core.gitProxy": evil, "core.alternateRefsCommand": evil, "filter.x.smudge": evil, "filter.x.clean": evil, "filter.x.process": evil, "diff.external": evil,
		"merge.x.driver": evil, "credential.helper": "!" + evil, "gpg.program": evil, "commit.gpgSign": "true", "uploadpack.packObjectsHook": evil,
		"include.path": l.path("included"), "alias.repack": "!" + evil, "alias.upload-pack": "!" + evil, "remote.origin.uploadpack": evil, "remote.origin.receivepack": evil,
		"receive.procReceiveRefs": "refs", "gc.auto": "1", "gc.recentObjectsHook": evil, "protocol.ext.allow": "always"} {
		l.git(s.Path(), "config", key, value)
	}
	if l.read(git+"/config") == config {
		t.Fatal("the configuration was not harmed")
	}
	s = l.clone("work", "file://"+server)
	for i := range 45 {
		l.commit(s, map[string]string{".gitattributes": "* filter=x diff=x merge=x\n", "a": fmt.Sprint(i)})
	}
	b := l.clone("b", "file://"+server)
	l.commit(b, map[string]string{"b": "1\n"})
	push(t, b)
	if _, err := s.FetchAndMerge(ctx); err != nil {
		t.Fatal(err)
	}
	push(t, s)
	compact(t, s, 0)
	if _, err := s.Dirty(ctx, ""); err != nil {
		t.Error(err)
	}
	if d := verify(t, s); len(d) > 0 {
		t.Error(d)
	}
	x := lease(t, s, "prod", time.Minute)
	x.Release()
	if out, err := os.ReadFile(l.path("ran")); err == nil {
		t.Errorf("this was run:\n%s", out)
	}
	if n := packs(s.Path()); n > 10 {
		t.Errorf("%d packs: git repack did not work", n)
	}
	// The trap works: git itself would have run something.
	l.tryGit(s.Path(), "checkout", "-q", "--", "a")
	l.tryGit(s.Path(), "status")
	if _, err := os.ReadFile(l.path("ran")); err != nil {
		t.Errorf("the trap is none: %v", err)
	}
}

func TestGC1_PathsThatAreRefused(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	head := l.commit(s, map[string]string{"a": "1"})
	for _, p := range []string{"", "/", "/etc/passwd", "../x", "a/../../x", "./a", "a//b", "a/", ".git/config", "x/.GIT/config", ".git", "git~1/x", ".g\u200cit/x",
		".git. /x", "x/.gitmodules", "a\\b", "nul\x00", "new\nline", "C:/x", "bad\xffutf8", strings.Repeat("x", 256), strings.Repeat("d/", 2049) + "x"} {
		rev, err := s.Commit(context.Background(), []repo.Commit{commit(map[string]string{p: "x"}, "m")})
		if err == nil || errors.Is(err, repo.ErrNothingToCommit) {
			t.Errorf("%q was accepted: %s", p, rev)
		}
	}
	for _, n := range []string{"refs/dashkeep/../heads/main", "refs/dashkeep/", "refs/dashkeep/a.lock", "refs/dashkeep/a b", "refs/tags/x", "HEAD", "refs/heads/main", "refs/dashkeep/.x", "refs/dashkeep/a..b"} {
		if _, err := s.WriteRef(context.Background(), n, "", map[string][]byte{"a": nil}, "m"); err == nil {
			t.Errorf("ref %q was accepted", n)
		}
	}
	if rev, _, _ := s.Head(); rev != head {
		t.Error("the head moved")
	}
	l.sound(s.Path())
	l.cleanStatus(s.Path())
}

func TestWorkingFolderThatIsALinkIsNotFollowed(t *testing.T) {
	l := newLab(t)
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"prod/a": "1\n"})
	os.RemoveAll(filepath.Join(s.Path(), "prod"))
	if err := os.Symlink(".git", filepath.Join(s.Path(), "prod")); err != nil {
		t.Skip("no links here")
	}
	l.commit(s, map[string]string{"prod/a": "2\n", "prod/HEAD": "evil\n", "prod/config": "evil\n"})
	if strings.Contains(l.read(filepath.Join(s.Path(), ".git/HEAD")), "evil") || strings.Contains(l.read(filepath.Join(s.Path(), ".git/config")), "evil") {
		t.Fatal("wrote through a link into .git")
	}
	if got := dirty(t, s, "prod"); !strings.Contains(got, "prod/a") {
		t.Errorf("dirty: %s", got)
	}
}

func TestAmendRef(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1"})
	const name = "refs/dashkeep/live/prod"
	one, err := s.AmendRef(ctx, name, "", map[string][]byte{"x/a": []byte("1"), "x/b": []byte("2"), "y/c": []byte("3")}, "first")
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, s.Path())
	if again, err := s.AmendRef(ctx, name, one, map[string][]byte{"x/a": []byte("1"), "no": nil}, "same"); again != one || err != nil {
		t.Errorf("%s %v", again, err)
	}
	if snapshot(t, s.Path()) != before {
		t.Error("the same files were written again")
	}
	var moved *repo.MovedError
	if _, err := s.AmendRef(ctx, name, "", nil, "stale"); !errors.As(err, &moved) || moved.Have != one {
		t.Errorf("%v", err)
	}
	two, err := s.AmendRef(ctx, name, one, map[string][]byte{"x/a": []byte("4"), "x/b": nil}, "second")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Files(two, "")
	if err != nil || fmt.Sprint(asStrings(got)) != "map[x/a:4 y/c:3]" {
		t.Errorf("%v %v", asStrings(got), err)
	}
	log, err := s.Log(two, "", 0)
	if err != nil || len(log) != 1 || len(log[0].Parents) != 0 {
		t.Errorf("a cache keeps its past: %+v %v", log, err)
	}
	empty, err := s.AmendRef(ctx, name, two, map[string][]byte{"x/a": nil, "y/c": nil}, "empty")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Files(empty, ""); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	l.git(s.Path(), "fsck", "--strict", "--no-dangling")
}

func TestOwnRefs(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	s := l.open(l.options("work"))
	l.commit(s, map[string]string{"a": "1"})
	const name = "refs/dashkeep/base/prod"
	files := map[string][]byte{"x/a": []byte("1"), "x/b": nil, "c": []byte("3")}
	one, err := s.WriteRef(ctx, name, "", files, "first")
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, s.Path())
	if again, err := s.WriteRef(ctx, name, one, files, "same"); again != one || err != nil {
		t.Errorf("%s %v", again, err)
	}
	if snapshot(t, s.Path()) != before {
		t.Error("the same files were written again")
	}
	var moved *repo.MovedError
	if _, err := s.WriteRef(ctx, name, "", files, "stale"); !errors.As(err, &moved) || moved.Have != one {
		t.Errorf("%v", err)
	}
	two, err := s.WriteRef(ctx, name, one, map[string][]byte{"c": []byte("3")}, "second")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Files(two, "")
	if err != nil || fmt.Sprint(asStrings(got)) != "map[c:3]" {
		t.Errorf("%v %v", asStrings(got), err)
	}
	log, err := s.Log(two, "", 0)
	if err != nil || len(log) != 2 || log[1].Revision != one || log[0].Parents[0] != one {
		t.Errorf("%+v %v", log, err)
	}
	empty, err := s.WriteRef(ctx, name, two, nil, "empty")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Files(empty, ""); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := s.WriteRef(ctx, "refs/dashkeep/ids/prod", "", nil, "empty at once"); err != nil {
		t.Fatal(err)
	}
	// git packs the refs, and they are still found, moved and deleted.
	l.git(s.Path(), "pack-refs", "--all")
	refs, err := s.ListRefs(repo.OwnPrefix)
	if err != nil || len(refs) != 2 || refs[name] != empty {
		t.Fatalf("%v %v", refs, err)
	}
	three, err := s.WriteRef(ctx, name, empty, files, "third")
	if err != nil {
		t.Fatal(err)
	}
	l.git(s.Path(), "pack-refs", "--all")
	if rev, ok, _ := s.ReadRef(name); rev != three || !ok {
		t.Errorf("%s", rev)
	}
	l.sound(s.Path())
	for range 2 {
		if err := s.DeleteRef(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := s.ReadRef(name); ok || err != nil {
		t.Errorf("still there: %v", err)
	}
	if out, err := l.tryGit(s.Path(), "rev-parse", "--verify", name); err == nil {
		t.Errorf("git still sees %s", out)
	}
	// A folder of refs can give way to a ref, and the other way.
	if _, err := s.WriteRef(ctx, "refs/dashkeep/base", "", files, "short"); err != nil {
		t.Error(err)
	}
	if _, err := s.WriteRef(ctx, "refs/dashkeep/base/prod", "", files, "below"); err == nil {
		t.Error("a ref below a ref was made")
	}
	l.sound(s.Path())
	l.cleanStatus(s.Path())
}

func TestCommitToAnotherBranch(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	server := l.bare("server.git")
	s := l.clone("a", "file://"+server)
	head := l.commit(s, map[string]string{"a": "1", "dir/b": "1"})
	push(t, s)
	const ref = "refs/heads/dashkeep/prod"
	one, err := s.CommitTo(ctx, ref, "", head, []repo.Commit{commit(map[string]string{"a": "2"}, "m")})
	if err != nil {
		t.Fatal(err)
	}
	push(t, s, ref)
	if out := l.git(server, "diff", "--stat", "main", "dashkeep/prod"); !strings.Contains(out, "1 file changed") {
		t.Errorf("%s", out)
	}
	two, err := s.CommitTo(ctx, ref, one, one, []repo.Commit{commit(map[string]string{"dir/b": "2"}, "m")})
	if err != nil {
		t.Fatal(err)
	}
	push(t, s, ref)
	if l.git(server, "rev-parse", ref) != string(two) || l.git(server, "rev-parse", "main") != string(head) {
		t.Error("the server is off")
	}
	var moved *repo.MovedError
	if _, err := s.CommitTo(ctx, ref, one, one, []repo.Commit{commit(map[string]string{"dir/b": "3"}, "m")}); !errors.As(err, &moved) {
		t.Errorf("%v", err)
	}
	l.cleanStatus(s.Path())
	l.sound(server)
}
