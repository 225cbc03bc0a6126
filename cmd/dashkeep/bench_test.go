package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// BenchmarkFullPull prints how long a pull takes, already logged in and with
// nothing changed, as a ratio to the bare /assets/export/ request on the same
// real server: a pull of everything, a pull of what changed, and the bare request
// are measured in turn in one run, medians compared.
func BenchmarkFullPull(b *testing.B) {
	url := os.Getenv("DASHKEEP_TEST_SUPERSET_URL")
	if url == "" {
		b.Skip("needs a real Superset: make bench starts one")
	}
	api, err := supersettest.Login(b.Context(), url, "admin", password)
	if err != nil {
		b.Fatal(err)
	}
	if err := api.Import(b.Context(), supersettest.Dashboard, supersettest.Examples, map[string]string{"overwrite": "true"}); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	config := dir + "/dashkeep.yaml"
	text := "version: 1\nrepo: {path: ./dashboards}\ninstances:\n  - {name: prod, platform: superset, url: \"" + url + "\", auth: {username: admin, password: {file: ./password}}}\n"
	for name, data := range map[string]string{config: text, dir + "/password": password} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	a := newApp(strings.NewReader(""), io.Discard, io.Discard)
	a.config, a.output = config, "text"
	s, err := a.open(b.Context(), nil, false)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	pull := func(full bool) func() {
		return func() {
			run, err := s.engine.Pull(b.Context(), "prod", syncer.PullOptions{Full: full})
			if err != nil || run.Full != full {
				b.Fatal(err, run.Full)
			}
		}
	}
	bare := func() {
		if _, err := api.Export(b.Context(), "assets"); err != nil {
			b.Fatal(err)
		}
	}
	pull(true)() // logs in and makes the baseline
	bare()
	var ratios, pulls, bares, changed, cheap []float64
	for range max(b.N, 7) {
		p, c, e := seconds(pull(true)), seconds(pull(false)), seconds(bare)
		ratios, pulls, bares = append(ratios, p/e), append(pulls, p), append(bares, e)
		changed, cheap = append(changed, c), append(cheap, c/e)
	}
	b.ReportMetric(median(ratios), "pull/export")
	b.ReportMetric(median(pulls), "s/pull")
	b.ReportMetric(median(cheap), "changed/export")
	b.ReportMetric(median(changed), "s/changed")
	b.ReportMetric(median(bares), "s/export")
	b.ReportMetric(0, "ns/op")
}

func seconds(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	return xs[len(xs)/2]
}
