package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

func TestUndoAfterKill(t *testing.T)     { undoAfterKill(t, false, 1, 2, 3) }
func TestE2E_UndoAfterKill(t *testing.T) { undoAfterKill(t, true, 2) }

// salesServer is a server with one dashboard, its charts and what they are made of: to
// read and compare all of the examples again and again takes a real server minutes.
func salesServer(t *testing.T, real bool) *server {
	t.Helper()
	zip, err := supersettest.RewriteZip(supersettest.Examples, func(name, text string) (string, string) {
		switch kind, file := path.Base(path.Dir(name)), path.Base(name); {
		case kind == "dashboards" && !strings.HasPrefix(file, "Sales_Dashboard"),
			kind == "charts" && !strings.Contains(text, salesTable),
			strings.Contains(name, "/datasets/") && !strings.Contains(text, salesTable):
			return "", ""
		}
		return name, text
	})
	if err != nil {
		t.Fatal(err)
	}
	if !real {
		sim := supersettest.New()
		if err := sim.Seed(zip); err != nil {
			t.Fatal(err)
		}
		h := httptest.NewServer(sim)
		t.Cleanup(h.Close)
		return &server{url: h.URL, sim: sim}
	}
	a, _ := wipedServers(t)
	if err := a.api.Import(t.Context(), supersettest.Dashboard, zip, map[string]string{"overwrite": "true"}); err != nil {
		t.Fatal(err)
	}
	return a
}

const salesTable = "e8623bb9-5e00-f531-506a-19607f5f8005" // the dataset cleaned_sales_data

// exported is everything a server has, as a pull into a new repository writes it.
func exported(t *testing.T, s *server) map[string]string {
	t.Helper()
	w := newWorld(t, s, nil)
	w.run(0, "pull")
	out := map[string]string{}
	root := w.path("dashboards", "prod")
	err := filepath.Walk(root, func(path string, fi os.FileInfo, err error) error {
		if err != nil || fi.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func differing(a, b map[string]string) (names []string) {
	for name, data := range a {
		if b[name] != data {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// undoAfterKill kills an apply of a changed dataset, a changed chart, a new chart and a
// changed dashboard right after its nth write was accepted; undo puts the server back
// to equal, compared by export, and the edits in Git wait as before.
func undoAfterKill(t *testing.T, real bool, after ...int) {
	notUnderRace(t)
	a := salesServer(t, real)
	before := exported(t, a)
	t.Logf("%d files", len(before))
	for _, n := range after {
		t.Run(fmt.Sprint("write ", n), func(t *testing.T) {
			target, err := url.Parse(a.url)
			if err != nil {
				t.Fatal(err)
			}
			proxy := httptest.NewServer(nil)
			t.Cleanup(proxy.Close)
			forward := httputil.NewSingleHostReverseProxy(target)
			forward.ErrorLog = log.New(io.Discard, "", 0) // of the dead client
			tr := &trap{next: forward}
			proxy.Config.Handler = tr
			w := newWorld(t, &server{url: proxy.URL}, nil)
			w.run(0, "pull")
			w.git(".", "clone", "-q", "remote.git", "ada")
			editFour(t, w)
			d := w.start("apply", "prod", "--yes")
			left := n
			tr.set(func(r *http.Request) bool {
				if isWrite(r) {
					left--
				}
				return left == 0
			}, func() { _ = d.cmd.Process.Kill() })
			if err := d.cmd.Wait(); err == nil {
				t.Fatalf("the apply was not killed:\n%s", d.log)
			}
			if len(differing(before, exported(t, a))) == 0 {
				t.Fatalf("nothing was written before the kill:\n%s", d.log)
			}
			if r := w.run(0, "runs"); !strings.Contains(r.out, "killed before its end") {
				t.Errorf("runs says\n%s", r.out)
			}
			w.run(0, "undo", "--yes")
			if names := differing(before, exported(t, a)); len(names) > 0 {
				t.Errorf("after the undo these differ from before: %v", names)
			}
			w.run(0, "pull")
			if r := w.run(2, "plan", "prod", "--detailed-exitcode"); !strings.Contains(r.out, "1 to create, 3 to update") {
				t.Errorf("what waits in Git: %s", r.out)
			}
			w.fsck()
		})
	}
}

func editFour(t *testing.T, w *world) {
	t.Helper()
	chart := w.one("ada", "prod", "charts", "quarterly-sales.*.yaml")
	data, err := os.ReadFile(chart)
	if err != nil {
		t.Fatal(err)
	}
	copied := strings.Replace(string(data), "692aca26-a526-85db-c94c-411c91cc1077", "aaaaaaaa-a526-85db-c94c-411c91cc1077", 1)
	copied = strings.Replace(copied, "title: Quarterly Sales\n", "title: Quarterly Sales, a copy\n", 1)
	if err := os.WriteFile(w.path("ada", "prod", "charts", "copy.aaaaaaaa.yaml"), []byte(copied), 0o644); err != nil {
		t.Fatal(err)
	}
	w.edit(chart, "\nspec:\n", "\nspec:\n  description: from Git\n")
	w.edit(w.one("ada", "prod", "datasets", "cleaned-sales-data.*.yaml"), "- column_name: city\n", "- column_name: city\n      description: where the customer is\n")
	w.edit(w.one("ada", "prod", "dashboards", "sales-dashboard.*.yaml"), "title: Sales Dashboard\n", "title: Sales, from Git\n")
	w.git("ada", "add", "-A")
	w.git("ada", "commit", "-q", "-m", "four edits")
	w.git("ada", "push", "-q", "origin", "main")
}
