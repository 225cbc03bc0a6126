package platformtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// content is everything a platform says of a server.
type content struct {
	listed map[asset.ID]asset.Info
	assets map[asset.ID]*asset.Asset
	broken map[asset.ID]error // listed, but not readable
	notes  []asset.Note
	unread []asset.Kind // not read on this server
}

func connect(tb testing.TB, h *Harness, s *Server) platform.Platform {
	tb.Helper()
	p, err := h.Factory.New(s.Config)
	if err != nil {
		tb.Fatalf("connect to %s: %v", s.Config.URL, err)
	}
	return p
}

// filled makes a filled server, connects and reads it.
func filled(tb testing.TB, h *Harness) (*Server, platform.Platform, *content) {
	tb.Helper()
	return filledThat(tb, h, "", func(*Server) bool { return true })
}

// filledThat is filled for a server that can do what the case needs. It is not read
// when it cannot.
func filledThat(tb testing.TB, h *Harness, what string, can func(*Server) bool) (*Server, platform.Platform, *content) {
	tb.Helper()
	s := h.full(tb)
	need(tb, can(s), what)
	p := connect(tb, h, s)
	return s, p, read(tb, h, p)
}

// read lists and exports everything; any failure of more than one asset ends
// the test.
func read(tb testing.TB, h *Harness, p platform.Platform) *content {
	tb.Helper()
	c, err := tryRead(tb.Context(), h, p)
	if err != nil {
		tb.Fatalf("read the server: %v", err)
	}
	return c
}

func tryRead(ctx context.Context, h *Harness, p platform.Platform) (*content, error) {
	infos, err := p.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	c := &content{listed: map[asset.ID]asset.Info{}}
	for _, i := range infos {
		if _, twice := c.listed[i.ID]; twice {
			return nil, fmt.Errorf("list: %s stands twice", i.ID)
		}
		c.listed[i.ID] = i
	}
	return c, c.export(ctx, h, p, nil)
}

// notRead reports whether an export only says that it leaves out a kind.
func notRead(err error) bool {
	var kind *asset.KindError
	return errors.As(err, &kind)
}

// leaves remembers a kind that this server is not read for.
func (c *content) leaves(err error) {
	var kind *asset.KindError
	if errors.As(err, &kind) {
		c.unread = append(c.unread, kind.Kind)
	}
}

// export reads documents and makes them canonical, several at a time while the
// export goes on, as a pull does: under the race detector this shows a Lookup
// that is not made for it.
func (c *content) export(ctx context.Context, h *Harness, p platform.Platform, ids []asset.ID) error {
	c.assets, c.broken = map[asset.ID]*asset.Asset{}, map[asset.ID]error{}
	var wg sync.WaitGroup
	defer wg.Wait()
	var mu sync.Mutex
	seen := map[asset.ID]bool{}
	for raw, err := range p.Export(ctx, ids) {
		var one *asset.Error
		switch {
		case notRead(err):
			c.leaves(err)
			continue
		case errors.As(err, &one):
			mu.Lock()
			c.broken[one.Info.ID] = err
			mu.Unlock()
			continue
		case err != nil:
			return fmt.Errorf("export: %w", err)
		case seen[raw.ID]:
			return fmt.Errorf("export: %s came twice", raw.ID)
		}
		seen[raw.ID] = true
		wg.Go(func() {
			a, notes, err := normalize.Canonical(raw, h.Factory.Rules)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				c.broken[raw.ID] = err
				return
			}
			c.assets[a.ID] = a
			c.notes = append(c.notes, notes...)
		})
	}
	return nil
}

// ids lists the readable assets in order.
func (c *content) ids() []asset.ID {
	out := make([]asset.ID, 0, len(c.assets))
	for id := range c.assets {
		out = append(out, id)
	}
	slices.SortFunc(out, asset.ID.Compare)
	return out
}

// all are the readable assets in order.
func (c *content) all() []*asset.Asset {
	var out []*asset.Asset
	for _, id := range c.ids() {
		out = append(out, c.assets[id])
	}
	return out
}

// set holds all readable assets, to travel along as dependencies.
func (c *content) set(tb testing.TB) *asset.Set {
	tb.Helper()
	s, err := asset.NewSet(c.all()...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// portable lists the assets that can be put back, dependencies first.
func (c *content) portable(h *Harness) []*asset.Asset {
	var out []*asset.Asset
	for _, id := range c.ids() {
		a := c.assets[id]
		if (h.Cannot == nil || h.Cannot(a) == "") && h.whyNot(id.Kind, platform.Create) == "" && h.whyNot(id.Kind, platform.Update) == "" {
			out = append(out, a)
		}
	}
	rank := func(a *asset.Asset) int { return slices.Index(h.Factory.Kinds, a.ID.Kind) }
	slices.SortStableFunc(out, func(a, b *asset.Asset) int { return rank(a) - rank(b) })
	return out
}

// one picks an asset of a kind, the first by id that can be put back.
func (c *content) one(tb testing.TB, h *Harness, k asset.Kind) *asset.Asset {
	tb.Helper()
	for _, a := range c.portable(h) {
		if a.ID.Kind == k {
			return a
		}
	}
	tb.Fatalf("the filled server has no %s that can be put back: let Harness.Filled hold one", k)
	return nil
}

// target is some asset that can be written.
func (c *content) target(tb testing.TB, h *Harness) *asset.Asset {
	tb.Helper()
	return c.one(tb, h, h.last(tb))
}

// alone exports one asset by its id; nil when it does not come.
func alone(tb testing.TB, h *Harness, p platform.Platform, id asset.ID) *asset.Asset {
	tb.Helper()
	c := &content{}
	if err := c.export(tb.Context(), h, p, []asset.ID{id}); err != nil {
		tb.Fatalf("export of %s alone: %v", id, err)
	}
	return c.assets[id]
}

// same reports whether both are there with the same bytes, or neither is.
func same(a, b *asset.Asset) bool {
	return a != nil && b != nil && bytes.Equal(a.Content, b.Content) || a == nil && b == nil
}

// retitled is the asset with another title, as an edit in Git makes it.
func retitled(tb testing.TB, h *Harness, a *asset.Asset, title string) *asset.Asset {
	tb.Helper()
	return Altered(tb, h.Factory.Rules, a, func(d *asset.Document) { d.Title = title })
}

// edited is the asset with another title or, where that would make it another
// asset, with another value.
func edited(tb testing.TB, h *Harness, a *asset.Asset, title string) *asset.Asset {
	tb.Helper()
	if h.Edited != nil {
		if changed := h.Edited(tb, a); changed != nil {
			return changed
		}
	}
	return retitled(tb, h, a, title)
}

// imported writes assets and reports every refusal. What the server cannot hold
// comes back, by asset.
func imported(tb testing.TB, p platform.Platform, as []*asset.Asset, deps *asset.Set) map[asset.ID][]asset.Note {
	tb.Helper()
	omitted := map[asset.ID][]asset.Note{}
	results := p.Import(tb.Context(), as, deps)
	if len(results) != len(as) {
		tb.Errorf("import of %d assets gave %d results", len(as), len(results))
	}
	for _, r := range results {
		if r.Err != nil {
			tb.Errorf("import of %s: %v", r.ID, r.Err)
		}
		if n := len(r.Omitted); n > 0 {
			omitted[r.ID] = r.Omitted
			tb.Logf("import of %s left out %d values, the first %s: %s", r.ID, n, r.Omitted[0].Path, r.Omitted[0].Text)
		}
	}
	return omitted
}

// equal compares two readings byte by byte.
func equal(tb testing.TB, what string, want, got map[asset.ID]*asset.Asset) {
	tb.Helper()
	equalBut(tb, what, want, got, nil)
}

// equalBut exempts what a server said it cannot hold or show.
func equalBut(tb testing.TB, what string, want, got map[asset.ID]*asset.Asset, omitted map[asset.ID][]asset.Note) {
	tb.Helper()
	for id, w := range want {
		g := got[id]
		if g == nil {
			tb.Errorf("%s: %s %q is not there", what, id, w.Title)
			continue
		}
		exempt := slices.Concat(w.Unread, g.Unread)
		for _, n := range omitted[id] {
			exempt = append(exempt, n.Path)
		}
		if a, b := without(tb, w, exempt), without(tb, g, exempt); !bytes.Equal(a, b) {
			tb.Errorf("%s: %s %q differs\n%s", what, id, w.Title, firstDifference(a, b))
		}
	}
	for id, g := range got {
		if want[id] == nil {
			tb.Errorf("%s: %s %q was not there before", what, id, g.Title)
		}
	}
}

// without is the content with the values at some pointers taken out.
func without(tb testing.TB, a *asset.Asset, pointers []string) []byte {
	tb.Helper()
	if len(pointers) == 0 {
		return a.Content
	}
	root, err := asset.Parse(a.Content)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range pointers {
		keys, err := asset.Split(p)
		if err != nil || len(keys) == 0 || keys[0] != "access" && (keys[0] != "spec" || len(keys) < 2) {
			tb.Errorf("%s: exempt pointer %q exempts too much or is none (%v)", a.ID, p, err)
			continue
		}
		asset.Delete(root, keys...)
	}
	out, err := asset.Encode(root)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// firstDifference shows a few lines around the first line that differs.
func firstDifference(want, got []byte) string {
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	n := 0
	for n < len(w) && n < len(g) && w[n] == g[n] {
		n++
	}
	clip := func(lines []string) string {
		part := lines[min(n, len(lines)):min(n+4, len(lines))]
		return fmt.Sprintf("%.400s", strings.Join(part, "\n    "))
	}
	return fmt.Sprintf("  from line %d on\n  want\n    %s\n  got\n    %s", n+1, clip(w), clip(g))
}

// need skips a case, by name of what the server cannot do.
func need(tb testing.TB, can bool, what string) {
	tb.Helper()
	if !can {
		tb.Skipf("this server cannot %s", what)
	}
}
