package archive_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/dashkeep/dashkeep/internal/archive"
)

func read(b []byte) ([]archive.Entry, error) {
	return archive.Read(bytes.NewReader(b), int64(len(b)), archive.Limits{})
}

// refused asserts that nothing is returned, and gives the error.
func refused(t *testing.T, b []byte) *archive.UnsafeError {
	t.Helper()
	es, err := read(b)
	var u *archive.UnsafeError
	if es != nil || !errors.As(err, &u) {
		t.Fatalf("got %d entries and error %v, want none and an UnsafeError", len(es), err)
	}
	return u
}

func TestReadsRealExportsLikeTheStandardLibrary(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.zip")
	if extra := os.Getenv("DASHKEEP_TEST_ZIPS"); extra != "" {
		more, _ := filepath.Glob(extra)
		paths = append(paths, more...)
	}
	if len(paths) < 2 {
		t.Fatalf("fixtures missing: %v", paths)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		es, err := read(b)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		same(t, b, es)
	}
}

// same compares with what archive/zip reads.
func same(t *testing.T, b []byte, es []archive.Entry) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || i >= len(es) || es[i].Name != f.Name || !bytes.Equal(es[i].Data, data) {
			t.Fatalf("entry %d %q differs from what archive/zip reads (%v)", i, f.Name, err)
		}
		i++
	}
	if i != len(es) {
		t.Fatalf("%d entries, archive/zip sees %d", len(es), i)
	}
}
