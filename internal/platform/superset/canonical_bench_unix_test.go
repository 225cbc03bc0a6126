//go:build unix

package superset_test

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
)

// BenchmarkCanonical turns what a real Superset 6.1.0 exported into canonical files:
// parsed, all rules applied, written. It prints megabytes of the export for each
// second of processor time, garbage collection included, and, because that depends on
// the machine, the same for yaml.v3's own decoding and encoding, in turns; and what
// reading a canonical file and writing it again takes.
func BenchmarkCanonical(b *testing.B) {
	docs, size := exported(b, "testdata/6.1.0/assets.zip")
	rules := superset.Rules()
	for i := range docs {
		var err error
		if docs[i].form, err = docs[i].canonical(rules); err != nil {
			b.Fatal(err)
		}
	}
	var own, library, again float64
	each := func(spent *float64, do func(d exportedDoc) error) {
		before := cpuSeconds(b)
		for range 10 {
			for _, d := range docs {
				if err := do(d); err != nil {
					b.Fatal(err)
				}
			}
		}
		*spent += cpuSeconds(b) - before
	}
	for b.Loop() {
		each(&own, func(d exportedDoc) error {
			_, err := d.canonical(rules)
			return err
		})
		each(&library, exportedDoc.yaml)
		each(&again, exportedDoc.again)
	}
	rate := func(spent float64) float64 { return float64(10*size*b.N) / 1e6 / spent }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(own), "MB/cpu-s")
	b.ReportMetric(rate(library), "yaml.v3-MB/cpu-s")
	b.ReportMetric(own/library, "x-yaml.v3")
	b.ReportMetric(rate(again)*float64(canonicalSize(docs))/float64(size), "again-MB/cpu-s")
}

type exportedDoc struct {
	kind asset.Kind
	name string
	data []byte
	form []byte // canonical
}

func (d exportedDoc) canonical(rules normalize.Rules) ([]byte, error) {
	doc, err := asset.Parse(d.data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	id := asset.ID{Kind: d.kind, UID: asset.Text(asset.Get(doc, "uuid"))}
	a, _, err := normalize.Canonical(&asset.Raw{Info: asset.Info{ID: id}, Doc: doc, Source: d.name, Given: true}, rules)
	if err != nil {
		return nil, err
	}
	return a.Content, nil
}

func (d exportedDoc) again() error {
	doc, err := asset.Parse(d.form)
	if err != nil {
		return err
	}
	_, err = asset.Encode(doc)
	return err
}

func canonicalSize(docs []exportedDoc) (n int) {
	for _, d := range docs {
		n += len(d.form)
	}
	return n
}

// yaml is what the library takes for a document without any rule.
func (d exportedDoc) yaml() error {
	var n yaml.Node
	if err := yaml.Unmarshal(d.data, &n); err != nil {
		return err
	}
	_, err := yaml.Marshal(&n)
	return err
}

// exported lists the charts, datasets and dashboards of an archive.
func exported(b *testing.B, name string) (docs []exportedDoc, size int) {
	b.Helper()
	r, err := zip.OpenReader(name)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for _, f := range r.File {
		for _, k := range []asset.Kind{"chart", "dataset", "dashboard"} {
			if !strings.Contains(f.Name, "/"+k.Plural()+"/") {
				continue
			}
			in, err := f.Open()
			if err != nil {
				b.Fatal(err)
			}
			data, err := io.ReadAll(in)
			if err != nil {
				b.Fatal(err)
			}
			docs, size = append(docs, exportedDoc{kind: k, name: f.Name, data: data}), size+len(data)
		}
	}
	if len(docs) == 0 {
		b.Fatalf("%s: nothing to measure", name)
	}
	return docs, size
}

func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
