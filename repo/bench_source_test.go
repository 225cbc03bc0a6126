package repo_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// The benchmarks' input: one file that stands for what a server answers. Everybody
// reads it the same way, so that what is compared is Git alone. The tree is like
// what Superset exports: charts (75 %, about 1.6 KB), datasets (19 %, 5 KB) and
// dashboards (6 %, 13 KB), 3 KB a file on average.

const benchRevision = "revision: 00000000"

// writeSource makes the input of n files.
func writeSource(name string, n int) error {
	r := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	for i := range n {
		kind, size := "charts", 1600
		switch {
		case i%100 < 6:
			kind, size = "dashboards", 13000
		case i%100 < 25:
			kind, size = "datasets", 5000
		}
		var text strings.Builder
		fmt.Fprintf(&text, "title: number %d\n%s\nspec:\n", i, benchRevision)
		for text.Len() < size {
			fmt.Fprintf(&text, "  field_%d: value %d of column_%d\n", r.IntN(40), r.IntN(1000), r.IntN(20))
		}
		path := fmt.Sprintf("prod/%s/asset-%06d.yaml", kind, i)
		var sizes [8]byte
		binary.BigEndian.PutUint32(sizes[:], uint32(len(path)))
		binary.BigEndian.PutUint32(sizes[4:], uint32(text.Len()))
		out.Write(sizes[:])
		out.WriteString(path)
		out.WriteString(text.String())
	}
	return os.WriteFile(name, out.Bytes(), 0o600)
}

// readSource reads it, with another revision in every so many files that change
// of them differ. The content is not copied: where the system can map files, it
// is no memory of the program's.
func readSource(name string, change, round int) (map[string][]byte, error) {
	data, err := mapFile(name)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var order []string
	for len(data) > 0 {
		p, n := int(binary.BigEndian.Uint32(data)), int(binary.BigEndian.Uint32(data[4:]))
		path := string(data[8 : 8+p])
		files[path], data = data[8+p:8+p+n:8+p+n], data[8+p+n:]
		order = append(order, path)
	}
	for i := range change {
		path := order[i*len(order)/change]
		files[path] = bytes.Replace(files[path], []byte(benchRevision), fmt.Appendf(nil, "revision: %08d", round), 1)
	}
	return files, nil
}
