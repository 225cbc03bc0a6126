package archive_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/archive"
)

func TestWriteIsStable(t *testing.T) {
	es := []archive.Entry{
		{Name: "root/b.yaml", Data: []byte(strings.Repeat("b: 1\n", 100))},
		{Name: "root/a.yaml", Data: []byte("a")},
		{Name: "root/ä.yaml", Data: nil},
	}
	first, err := archive.Write(es)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(es)
	second, err := archive.Write(es)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the order of the entries shows (%v)", err)
	}
	z, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		if got := f.Modified.Format("2006-01-02 15:04"); got != "1980-01-01 00:00" || f.Flags&8 != 0 || f.NonUTF8 || len(f.Extra) != 0 {
			t.Errorf("%s: date %s, flags %x, extra %x", f.Name, got, f.Flags, f.Extra)
		}
	}
	if !slices.Equal(names, []string{"root/a.yaml", "root/b.yaml", "root/ä.yaml"}) {
		t.Errorf("order %q", names)
	}
}

func TestWriteRefusesWhatReadRefuses(t *testing.T) {
	for _, names := range [][]string{{"../x"}, {"a", "a"}, {"a", "A"}, {"a/"}, {"a", "a/b"}, {""}, {".git/x"}} {
		var es []archive.Entry
		for _, n := range names {
			es = append(es, archive.Entry{Name: n})
		}
		b, err := archive.Write(es)
		if b != nil || !errors.As(err, new(*archive.UnsafeError)) {
			t.Errorf("%q: %v", names, err)
		}
	}
}

func TestWhatIsWrittenReadsBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		want := map[string][]byte{}
		var es []archive.Entry
		for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
			data := make([]byte, rng.IntN(3000))
			for j := range data {
				data[j] = byte(rng.IntN(1 + rng.IntN(255)))
			}
			e := archive.Entry{Name: fmt.Sprintf("r/%d/%s.yaml", i%3, strings.Repeat("ö", 1+i)), Data: data}
			es, want[e.Name] = append(es, e), data
		}
		b, err := archive.Write(es)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(b)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d entries, %v", len(got), err)
		}
		for _, e := range got {
			if !bytes.Equal(e.Data, want[e.Name]) {
				t.Fatalf("%s differs", e.Name)
			}
		}
		again, err := archive.Write(got)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("writing what was read gives other bytes (%v)", err)
		}
	})
}

// FuzzRead: whatever the bytes, no panic; a refusal is an UnsafeError of one
// line; what is read has safe names and is what archive/zip reads.
func FuzzRead(f *testing.F) {
	f.Add(makeZip(f, "root/a.yaml", "root/b.yaml", "root/"))
	f.Add(makeZip(f, "../x"))
	f.Add(makeZip(f))
	written, err := archive.Write([]archive.Entry{{Name: "a", Data: []byte("aaaaaaaaaaaaaaaaaaaaaa")}, {Name: "b"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(written)
	f.Add(patch32(written, 20, 18, 0xffffffff))
	f.Fuzz(func(t *testing.T, b []byte) {
		es, err := archive.Read(bytes.NewReader(b), int64(len(b)), archive.Limits{Total: 4 << 20, File: 1 << 20, Entries: 100})
		if err != nil {
			if es != nil || !errors.As(err, new(*archive.UnsafeError)) || strings.ContainsAny(err.Error(), "\n\x1b\x00") {
				t.Fatalf("%q and %d entries", err, len(es))
			}
			return
		}
		for _, e := range es {
			if err := archive.CheckName(e.Name); err != nil {
				t.Fatal(err)
			}
		}
		same(t, b, es)
	})
}
