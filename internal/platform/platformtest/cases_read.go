package platformtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/secret"
)

func pingNames(tb testing.TB, h *Harness) {
	s := h.bare(tb)
	info, err := connect(tb, h, s).Ping(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if info.User == "" {
		tb.Error("Ping does not say who is logged in")
	}
	if info.Version != "" && !info.Tested {
		tb.Errorf("version %s is not one the platform calls tested, and here it is being tested", info.Version)
	}
}

func emptyListsNothing(tb testing.TB, h *Harness) {
	c := read(tb, h, connect(tb, h, h.bare(tb)))
	if len(c.listed)+len(c.assets)+len(c.broken) > 0 {
		tb.Errorf("listed %d, exported %d, broken %d, want none", len(c.listed), len(c.assets), len(c.broken))
	}
}

func listAndExportAgree(tb testing.TB, h *Harness) {
	_, _, c := filled(tb, h)
	seen := map[asset.Kind]int{}
	for id, info := range c.listed {
		if c.assets[id] == nil && c.broken[id] == nil {
			tb.Errorf("%s %q is listed and neither exported nor reported", id, info.Title)
		}
		if info.Title == "" {
			tb.Errorf("%s is listed without title", id)
		}
		if !slices.Contains(h.Factory.Kinds, id.Kind) {
			tb.Errorf("%s is of no kind that the factory names", id)
		}
		if a := c.assets[id]; a != nil && a.Title != info.Title {
			tb.Errorf("%s is %q in the list and %q in the export", id, info.Title, a.Title)
		}
		seen[id.Kind]++
	}
	for id := range c.assets {
		if _, ok := c.listed[id]; !ok {
			tb.Errorf("%s is exported and not listed", id)
		}
	}
	for _, k := range h.kinds() {
		if seen[k] == 0 && !slices.Contains(c.unread, k) {
			tb.Errorf("the filled server shows no %s: Harness.Filled must hold every kind", k)
		}
	}
}

func exportOfSome(tb testing.TB, h *Harness) {
	_, p, c := filled(tb, h)
	var want []asset.ID
	for _, id := range c.ids() { // one of each kind
		if len(want) == 0 || want[len(want)-1].Kind != id.Kind {
			want = append(want, id)
		}
	}
	some := &content{}
	if err := some.export(tb.Context(), h, p, want); err != nil {
		tb.Fatal(err)
	}
	if got := some.ids(); !slices.Equal(got, want) {
		tb.Errorf("asked for %v, got %v (broken: %v)", want, got, some.broken)
	}
	for id, a := range some.assets {
		if !bytes.Equal(a.Content, c.assets[id].Content) {
			tb.Errorf("%s is different when exported alone\n%s", id, firstDifference(c.assets[id].Content, a.Content))
		}
	}
}

func noNoise(tb testing.TB, h *Harness) {
	s, p, first := filled(tb, h)
	for i := range 3 {
		equal(tb, fmt.Sprintf("reading %d", i+2), first.assets, read(tb, h, p).assets)
	}
	equal(tb, "reading on a new connection", first.assets, read(tb, h, connect(tb, h, s)).assets)
}

func readingWritesNothing(tb testing.TB, h *Harness) {
	s := h.full(tb)
	need(tb, s.Writes != nil, "count writes")
	before := s.Writes()
	p := connect(tb, h, s)
	if _, err := p.Ping(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	read(tb, h, p)
	if n := s.Writes() - before; n != 0 {
		tb.Errorf("reading made %d writes", n)
	}
}

func canonicalIsFixpoint(tb testing.TB, h *Harness) {
	_, _, c := filled(tb, h)
	for id, a := range c.assets {
		b, err := normalize.Load("x.yaml", a.Content, h.Factory.Rules)
		if err != nil {
			tb.Errorf("%s: its own canonical form is refused: %v", id, err)
			continue
		}
		if !bytes.Equal(a.Content, b.Content) {
			tb.Errorf("%s: canonical again is different\n%s", id, firstDifference(a.Content, b.Content))
		}
		if b.ID != id || b.Title != a.Title {
			tb.Errorf("%s %q reads back as %s %q", id, a.Title, b.ID, b.Title)
		}
	}
}

func referencesResolve(tb testing.TB, h *Harness) {
	_, _, c := filled(tb, h)
	total := 0
	for id, a := range c.assets {
		for _, ref := range a.Refs {
			total++
			if _, ok := c.listed[ref]; !ok && !strings.HasPrefix(ref.UID, "missing-") {
				tb.Errorf("%s refers to %s, which is nowhere", id, ref)
			}
			if ref == id {
				tb.Errorf("%s refers to itself", id)
			}
			if slices.Index(h.Factory.Kinds, ref.Kind) > slices.Index(h.Factory.Kinds, id.Kind) {
				tb.Errorf("%s refers to %s, of a kind that comes later in the factory's order", id, ref)
			}
		}
	}
	if total == 0 && refers(h.Factory.Rules) {
		tb.Error("no asset refers to another, though the rules know references: Harness.Filled must hold some")
	}
}

// refers reports whether a rule makes references.
func refers(rs normalize.Rules) bool {
	for _, kr := range rs.Kinds {
		for _, r := range kr.Rules {
			switch r.Op {
			case normalize.RefValue, normalize.RefKeys, normalize.RefText, normalize.Depend:
				return true
			}
		}
	}
	return false
}

func secretsStayOut(tb testing.TB, h *Harness) {
	need(tb, len(h.Canaries) > 0, "hold secrets")
	_, _, c := filled(tb, h)
	look := func(where, text string) {
		for i, secret := range h.Canaries {
			if strings.Contains(text, secret) {
				tb.Errorf("canary %d stands in %s", i, where)
			}
		}
	}
	for id, a := range c.assets {
		look("the content of "+id.String(), string(a.Content))
		look("the title of "+id.String(), a.Title)
		look("the URL of "+id.String(), a.URL)
	}
	for _, n := range c.notes {
		look("a note on "+n.ID.String(), n.Text+n.Path)
	}
	for id, err := range c.broken {
		look("the error of "+id.String(), err.Error())
	}
}

func wrongPassword(tb testing.TB, h *Harness) {
	s := h.bare(tb)
	need(tb, s.Config.Auth.Username != "", "refuse a password")
	s.Config.Auth.Password = secret.Literal("certainly-wrong")
	p, err := h.Factory.New(s.Config)
	if err == nil {
		_, err = p.Ping(tb.Context())
	}
	var refused *platform.LoginError
	if !errors.As(err, &refused) {
		tb.Fatalf("a wrong password gives %v, want a *platform.LoginError", err)
	}
	if strings.Contains(err.Error(), "certainly-wrong") {
		tb.Errorf("the error shows the password: %v", err)
	}
}
