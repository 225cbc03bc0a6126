package supersettest

import (
	"net/http/httptest"
	"testing"
)

// The demo and every scenario pay for these.
func BenchmarkSeedExamples(b *testing.B) {
	for b.Loop() {
		if err := New().Seed(Examples); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExportExamples(b *testing.B) {
	s := New()
	if err := s.Seed(Examples); err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	c, err := Login(b.Context(), srv.URL, "admin", "admin")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Export(b.Context(), "assets"); err != nil {
			b.Fatal(err)
		}
	}
}
