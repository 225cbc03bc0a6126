package superset

import (
	"archive/zip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

var update = flag.Bool("update", false, "write the goldens anew")

// unzip reads a captured export, without the limits that archive.Read has.
func unzip(t *testing.T, name string) []file {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var fs []file
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fs = append(fs, file{f.Name, data})
	}
	return fs
}

// rowsOf answers Lookup from the row ids that a bundle's file names end in (F7).
func rowsOf(docs []document) asset.Lookup {
	uids := map[string]string{}
	for _, d := range docs {
		base := strings.TrimSuffix(d.path, ".yaml")
		row := base[strings.LastIndexAny(base, "_/")+1:]
		uids[string(d.id.Kind)+row] = d.id.UID
	}
	return func(k asset.Kind, row string) (string, bool) {
		uid, ok := uids[string(k)+row]
		return uid, ok
	}
}

type canon struct {
	assets map[asset.ID]*asset.Asset
	notes  []asset.Note
	docs   map[asset.ID]document
}

func canonical(t *testing.T, files []file) canon {
	t.Helper()
	docs := readBundle(files)
	c := canon{assets: map[asset.ID]*asset.Asset{}, docs: map[asset.ID]document{}}
	rows := rowsOf(docs)
	for _, d := range docs {
		if d.err != nil {
			t.Fatal(d.err)
		}
		if d.id.Kind == kindTheme {
			continue
		}
		raw := &asset.Raw{Info: asset.Info{ID: d.id, Title: d.title}, Doc: d.node, Source: d.path, Lookup: rows}
		a, notes, err := normalize.Canonical(raw, Rules())
		if err != nil {
			t.Fatal(err)
		}
		c.assets[d.id], c.docs[d.id] = a, d
		c.notes = append(c.notes, notes...)
	}
	return c
}

func TestDump(t *testing.T) {
	dir := os.Getenv("DUMP")
	if dir == "" {
		t.Skip()
	}
	for _, z := range []string{"6.1.0/assets.zip", "6.1.0/dashboard-examples.zip"} {
		c := canonical(t, unzip(t, z))
		for id, a := range c.assets {
			p := filepath.Join(dir, z, string(id.Kind), asset.Slug(a.Title)+".yaml")
			os.MkdirAll(filepath.Dir(p), 0o755)
			os.WriteFile(p, a.Content, 0o644)
		}
		for _, n := range c.notes {
			t.Log(n)
		}
	}
}
