package repo_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A remote makes up names of refs that lead out of where refs are. git itself serves
// none like that, so a proxy puts them into what it announces.
func TestGC1_NamesOfRefsThatARemoteMakesUp(t *testing.T) {
	const honest, fine = "refs/dashkeep/base/a-name-to-replace", "refs/dashkeep/base/fine" // which is fetched
	for _, evil := range []string{
		"refs/dashkeep/../../outside", "refs/dashkeep/base/../../../config", "refs/dashkeep/../heads/main", "refs/dashkeep/base/x/../../../../HEAD",
		"refs/dashkeep/base/a.lock", "refs/dashkeep/base/.hidden/x", "refs/dashkeep//etc/passwd", "refs/dashkeep/base/a\\..\\..\\x",
		"refs/dashkeep/base/a\x1b[31m", "refs/../../outside", "../outside", "/etc/outside", fine,
	} {
		t.Run(strconv.Quote(evil), func(t *testing.T) {
			l := newLab(t)
			ctx := context.Background()
			server := l.bare("server.git")
			l.git(server, "config", "http.receivepack", "true")
			target, err := url.Parse(l.serve(""))
			if err != nil {
				t.Fatal(err)
			}
			a := l.clone("a", target.String()+"/server.git")
			l.commit(a, map[string]string{"x": "1"})
			push(t, a)
			l.git(server, "update-ref", honest, "main")

			told := 0
			proxy := httputil.NewSingleHostReverseProxy(target)
			proxy.ModifyResponse = func(r *http.Response) error {
				if !strings.HasSuffix(r.Request.URL.Path, "/info/refs") {
					return nil
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return err
				}
				out := announce(body, honest, evil)
				if !bytes.Equal(out, body) {
					told++
				}
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(out)), int64(len(out))
				r.Header.Set("Content-Length", strconv.Itoa(len(out)))
				return nil
			}
			srv := httptest.NewServer(proxy)
			t.Cleanup(srv.Close)
			a.Close()
			l.git(a.Path(), "config", "remote.origin.url", srv.URL+"/server.git")
			l.git(server, "update-ref", "refs/heads/main", l.git(server, "commit-tree", "-p", "main", "-m", "more", "main^{tree}"))
			before := outsideRefs(t, l.dir)

			a = l.clone("a", srv.URL+"/server.git")
			rev, err := a.Fetch(ctx)
			t.Logf("fetch: %s %v", rev, err)
			if err != nil && strings.Contains(err.Error(), "\x1b") {
				t.Errorf("the name is shown as it is: %q", err)
			}
			l.commit(a, map[string]string{"y": "1"})
			if told == 0 {
				t.Fatal("nothing was made up")
			}
			for name := range outsideRefs(t, l.dir) {
				if !before[name] && !(evil == fine && strings.Contains(name, "/.git/refs/dashkeep")) {
					t.Errorf("%s was made", name)
				}
			}
			if head := l.git(a.Path(), "symbolic-ref", "HEAD"); head != "refs/heads/main" {
				t.Errorf("HEAD is %s", head)
			}
			refs := strings.Fields(l.git(a.Path(), "for-each-ref", "--format=%(refname)"))
			for _, ref := range refs {
				if ref != "refs/heads/main" && ref != "refs/remotes/origin/main" && !(evil == fine && strings.HasSuffix(ref, "/base/fine")) {
					t.Errorf("%q was made", ref)
				}
			}
			if slices.Contains(refs, fine) != (evil == fine) {
				t.Errorf("refs: %q", refs)
			}
			l.sound(a.Path())
		})
	}
}

// announce is what a server says of its refs, with one name replaced: each line starts
// with its own length.
func announce(body []byte, old, name string) []byte {
	var out []byte
	for len(body) >= 4 {
		n, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || int(n) > len(body) {
			break
		}
		line := body[4:max(4, n)]
		if bytes.HasSuffix(line, []byte(" "+old+"\n")) {
			line = []byte(string(line[:40]) + " " + name + "\n")
		}
		if n == 0 {
			out = append(out, "0000"...)
		} else {
			out = append(out, []byte(strings.ToLower(strconv.FormatUint(uint64(len(line)+4)+0x10000, 16)[1:]))...)
			out = append(out, line...)
		}
		body = body[max(4, n):]
	}
	return append(out, body...)
}

// outsideRefs lists all files, without those that hold objects, refs and their logs.
func outsideRefs(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, part := range []string{"/objects/", "/.git/refs/heads/", "/.git/refs/remotes/", "/.git/logs/", "/.git/dashkeep", "/server.git/", "/a/y"} {
			if strings.Contains(p, part) {
				return nil
			}
		}
		out[p] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
