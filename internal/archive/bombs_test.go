package archive_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/archive"
)

// bomb zips entries of n megabytes of zeros each. One megabyte is packed and
// repeated, because packing hundreds takes long under the race detector; the
// checksums are not right, and no reader should get as far.
func bomb(t testing.TB, megabytes int, names ...string) []byte {
	t.Helper()
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	packed := append(bytes.Repeat(block.Bytes(), megabytes), 3, 0) // and an empty last block
	return build(t, func(w *zip.Writer) {
		for _, n := range names {
			f, err := w.CreateRaw(&zip.FileHeader{Name: n, Method: zip.Deflate, CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(megabytes) << 20})
			if err == nil {
				_, err = f.Write(packed)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestZP3_Bombs(t *testing.T) {
	big := bomb(t, 200, "root/zeros")
	t.Logf("200 MB of zeros are %d bytes", len(big))
	lying := patch32(big, 24, 22, 1000) // announces 1,000 bytes
	many := build(t, func(w *zip.Writer) {
		for i := range 20_001 {
			if _, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, tc := range []struct {
		name  string
		b     []byte
		entry string
		want  string
	}{
		{"file size", big, "root/zeros", "unpacks to 209715200 bytes, the limit is 16777216"},
		{"ratio", bomb(t, 15, "z"), "z", "unpacks to "},
		{"lying size", lying, "root/zeros", "unpacks to more than the 1000 bytes it announces"},
		{"entries", many, "", "it has 20001 entries, the limit is 20000"},
		{"overlap", overlapping(t), "b", `shares its bytes with entry "a"`},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		got := refused(t, tc.b)
		runtime.ReadMemStats(&after)
		if got.Entry != tc.entry || !strings.HasPrefix(got.Reason, tc.want) || got.Damaged {
			t.Errorf("%s: %v", tc.name, got)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%s: %d MB allocated", tc.name, grown>>20)
		}
	}
}

func TestZP3_TotalIsBounded(t *testing.T) {
	text := []byte(strings.Repeat("name: a chart like many others\n", 1000))
	var es []archive.Entry
	for i := range 5 {
		es = append(es, archive.Entry{Name: fmt.Sprint(i), Data: text})
	}
	b, err := archive.Write(es)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(5 * len(text))
	for total, want := range map[int64]string{
		sum:               "",
		sum - 1:           fmt.Sprintf("archive refused: it unpacks to more than %d bytes", sum-1),
		int64(len(b)):     fmt.Sprintf("archive refused: it unpacks to more than %d bytes", len(b)),
		int64(len(b)) - 1: fmt.Sprintf("archive refused: it is larger than %d bytes", len(b)-1),
	} {
		es, err := archive.Read(bytes.NewReader(b), int64(len(b)), archive.Limits{Total: total})
		if (want == "" && (err != nil || len(es) != 5)) || (want != "" && (err == nil || err.Error() != want)) {
			t.Errorf("total %d: %d entries, %v", total, len(es), err)
		}
	}
}

func TestZP3_ManySmallBombsAreOneBomb(t *testing.T) {
	names := make([]string, 200) // each below the size from which its own ratio is asked
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	b := bomb(t, 1, names...)
	if got := refused(t, b); !strings.HasPrefix(got.Reason, "it unpacks to ") || !strings.HasSuffix(got.Reason, "times its size, the limit is 200") {
		t.Errorf("%v", got)
	}
}

func TestZP3_NestedArchivesAreNotOpened(t *testing.T) {
	inner := bomb(t, 1, "../../etc/x")
	b := build(t, func(w *zip.Writer) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: "inner.zip", Method: zip.Store})
		if err == nil {
			_, err = f.Write(inner)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	es, err := read(b)
	if err != nil || len(es) != 1 || !bytes.Equal(es[0].Data, inner) {
		t.Errorf("%v", err)
	}
}

// overlapping has two directory entries whose bytes are the same: entry a is
// stored and holds the whole of entry b.
func overlapping(t *testing.T) []byte {
	b := makeZip(t, "b")
	dir := bytes.Index(b, []byte("PK\x01\x02"))
	inner := b[:dir]
	outer := build(t, func(w *zip.Writer) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})
		if err == nil {
			_, err = f.Write(inner)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	at := bytes.LastIndex(outer, []byte("PK\x01\x02"))
	central := bytes.Clone(b[dir : len(b)-22])
	binary.LittleEndian.PutUint32(central[42:], uint32(bytes.Index(outer[4:], []byte("PK\x03\x04"))+4))
	end := bytes.Clone(outer[len(outer)-22:])
	out := append(bytes.Clone(outer[:len(outer)-22]), central...)
	binary.LittleEndian.PutUint16(end[8:], 2)
	binary.LittleEndian.PutUint16(end[10:], 2)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(out)-at))
	return append(out, end...)
}
