package archive

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

// What packs very well is stored as it is: readers that fear bombs take archives
// whole by their ratio (Superset refuses more than 200), and one such text among
// small files would decide it.
func TestWriteStaysBelowTheRatioOfABomb(t *testing.T) {
	data, err := Write([]Entry{
		{Name: "x/a.yaml", Data: []byte(strings.Repeat("a", 10<<20))},
		{Name: "x/b.yaml", Data: []byte(strings.Repeat("some text of a dashboard\n", 50))},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var plain, packed uint64
	for _, f := range z.File {
		plain, packed = plain+f.UncompressedSize64, packed+f.CompressedSize64
	}
	if plain > maxRatio*packed {
		t.Errorf("it unpacks to %d times its size", plain/packed)
	}
	if z.File[1].Method != zip.Deflate {
		t.Error("an ordinary file is not packed")
	}
}
