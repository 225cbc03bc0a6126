package platformtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// shelves is the client: as small as a platform can be that passes every case.
// Its flaw, when it has one, is what exactly one case must notice.
type shelves struct {
	variety
	cfg platform.Config
	s   *store

	mu      sync.Mutex // guards what follows
	session int
	broken  // what only flawed ones keep
}

func factory(s func(url string) *store, v variety) platform.Factory {
	f := platform.Factory{
		Name: "shelves", Caps: platform.Caps{Delete: true, StableUID: v.portable}, Kinds: []asset.Kind{"wall", "shelf", "box"}, Rules: rules(v),
		New: func(c platform.Config) (platform.Platform, error) {
			return &shelves{cfg: c, s: s(c.URL), variety: v, broken: newBroken()}, nil
		},
	}
	for _, verb := range []platform.Verb{platform.Create, platform.Update, platform.Delete} {
		f.Limits = append(f.Limits, platform.Limit{Kind: "wall", Verb: verb, Why: "walls are made by masons"})
	}
	if v.single {
		f.Kinds = f.Kinds[2:]
	}
	return f
}

func rules(v variety) normalize.Rules {
	table := []normalize.Rule{{Op: normalize.Drop, Path: "/row", Why: "a row id"}}
	if v.flaw != "leaks" {
		table = append(table, normalize.Rule{Op: normalize.Redact, Path: "/password", Why: "a secret"})
	}
	if v.flaw == "grows" {
		table = append(table, growing())
	}
	kinds := map[asset.Kind]normalize.KindRules{"box": {UID: "uid", Title: "name", Rules: table}}
	if !v.single {
		plain := normalize.KindRules{UID: "uid", Title: "name", Rules: slices.Clone(table)}
		kinds["wall"], kinds["shelf"] = plain, plain
		box := kinds["box"]
		box.Rules = append(slices.Clone(table), normalize.Rule{Op: normalize.RefValue, Path: "/shelf", Kind: "shelf", Why: "a row id"})
		kinds["box"] = box
	}
	return normalize.Rules{Format: "shelves/1", Kinds: kinds}
}

// call makes a request, logging in again and waiting as a good client does.
func (p *shelves) call(ctx context.Context, what string) error {
	if p.flaw == "deaf" {
		ctx = context.WithoutCancel(ctx)
	}
	for {
		p.mu.Lock()
		session := p.session
		p.mu.Unlock()
		err := p.s.request(ctx, session)
		fresh, wait := p.s.login()
		switch {
		case errors.Is(err, errExpired) && p.flaw != "forgetful":
			p.mu.Lock()
			p.session = fresh
			p.mu.Unlock()
		case errors.Is(err, errThrottled) && p.flaw != "pushy":
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
		case errors.Is(err, errThrottled): // pushy tries on at once
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		default:
			return nil
		}
	}
}

func (p *shelves) Ping(ctx context.Context) (platform.Server, error) {
	if pw, _ := p.cfg.Auth.Password.Resolve(ctx); pw != "right" {
		if p.flaw == "vague" {
			return platform.Server{}, errors.New("401")
		}
		return platform.Server{}, &platform.LoginError{Instance: "test", User: "me", Reason: "wrong password"}
	}
	user := "me"
	if p.flaw == "anonymous" {
		user = ""
	}
	return platform.Server{Version: "1", User: user, Tested: true}, p.call(ctx, "ping")
}

// Viewer says who it is that may not see everything.
func (p *shelves) Viewer(context.Context) (string, error) { return p.cfg.Auth.Username, nil }

// uid is the server's own or a minted one.
func (p *shelves) uid(it *item) string {
	if p.portable {
		return it.uid
	}
	if uid, ok := p.remembered(it.row); ok {
		return uid
	}
	return p.cfg.IDs.UID(it.kind, strconv.Itoa(it.row))
}

func (p *shelves) id(it *item) asset.ID { return asset.ID{Kind: it.kind, UID: p.uid(it)} }

// find is called with the store's lock held.
func (p *shelves) find(id asset.ID) *item {
	for _, it := range p.s.items {
		if it.kind == id.Kind && p.uid(it) == id.UID {
			return it
		}
	}
	return nil
}

func (p *shelves) List(ctx context.Context) ([]asset.Info, error) {
	if err := p.call(ctx, "list"); err != nil {
		if p.flaw == "blind" && errors.Is(err, errGarbage) {
			return nil, nil
		}
		return nil, err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	var out []asset.Info
	for _, row := range p.visible() {
		out = append(out, p.info(p.s.items[row]))
	}
	return p.misread(out), nil
}

// visible lists rows in order. The store's lock must be held.
func (p *shelves) visible() []int {
	rows := slices.Sorted(maps.Keys(p.s.items))
	return slices.DeleteFunc(rows, func(row int) bool { return row == p.s.hidden || p.believesDeleted(row) })
}

func (p *shelves) info(it *item) asset.Info {
	by := it.by
	if p.flaw == "misattributes" {
		by = "somebody else"
	}
	return asset.Info{ID: p.id(it), Title: it.name, UpdatedAt: it.changed, UpdatedBy: asset.Person{Username: by}}
}

func (p *shelves) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		if err := p.call(ctx, "export"); err != nil {
			if p.flaw != "blind" || !errors.Is(err, errGarbage) {
				yield(nil, err)
			}
			return
		}
		rows, lookup := p.begin(ids)
		p.counted(ids == nil)
		for row := range p.queue(rows) {
			raw, err := p.document(ctx, row, lookup)
			var one *asset.Error
			switch {
			case raw == nil && err == nil: // not there
			case !yield(raw, err), err != nil && !errors.As(err, &one):
				p.readOn(ctx, rows)
				return
			}
		}
	}
}

// begin finds the rows to be read, and what references to rows mean.
func (p *shelves) begin(ids []asset.ID) ([]int, asset.Lookup) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	shelves := map[string]string{}
	for row, it := range p.s.items {
		if it.kind == "shelf" {
			shelves[strconv.Itoa(row)] = p.uid(it)
		}
	}
	rows := p.visible()
	if ids != nil {
		rows = nil
		for _, id := range ids {
			if it := p.find(id); it != nil {
				rows = append(rows, it.row)
			}
		}
	}
	return p.lose(rows, ids == nil), func(_ asset.Kind, row string) (string, bool) {
		uid, ok := shelves[row]
		if !ok && p.flaw == "misrefers" {
			return "nowhere", true
		}
		return uid, ok
	}
}

// document reads one item, as a server without bulk export is read; nil when it
// is not there.
func (p *shelves) document(ctx context.Context, row int, lookup asset.Lookup) (*asset.Raw, error) {
	if err := p.call(ctx, "export"); err != nil {
		return nil, err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	it := p.s.items[row]
	switch {
	case it == nil:
		return nil, nil
	case row == p.s.hidden:
		return p.hidden(it)
	case row == p.s.omitted && p.flaw == "silent":
		return nil, nil
	case row == p.s.omitted:
		return nil, &asset.Error{Info: p.info(it), Err: errors.New("not in the export")}
	}
	return p.spoil(it, &asset.Raw{Info: p.info(it), Doc: p.node(it), Source: "row " + strconv.Itoa(row), Lookup: lookup}), nil
}

// node is the document, with texts of its own as a decoder makes them.
func (p *shelves) node(it *item) *yaml.Node {
	doc := asset.Map("uid", p.uid(it), "name", it.name, "note", strings.Clone(it.note), "password", it.password, "row", strconv.Itoa(it.row))
	if it.kind == "box" && !p.single {
		asset.Put(doc, asset.Int(it.shelf), "shelf")
	}
	return doc
}

func (p *shelves) Import(ctx context.Context, as []*asset.Asset, deps *asset.Set) []asset.Result {
	p.before(ctx, as, deps)
	out := make([]asset.Result, len(as))
	var failed error
	for i, a := range as {
		out[i] = asset.Result{ID: a.ID, Err: failed}
		if failed == nil {
			out[i].Err = p.write(ctx, a)
		}
		if p.flaw == "gives up" {
			failed = out[i].Err
		}
	}
	return out
}

func (p *shelves) write(ctx context.Context, a *asset.Asset) error {
	if err := p.call(ctx, "import"); err != nil {
		return err
	}
	if a.ID.Kind == "wall" {
		return p.refuse("pretends to build")
	}
	doc, err := asset.ParseDocument("x.yaml", a.Content)
	if err != nil {
		return err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	node, _, err := normalize.Denormalize(doc, rules(p.variety).Kinds[a.ID.Kind], normalize.Server{Row: func(id asset.ID, _ normalize.Missing) (string, bool) {
		if it := p.find(id); it != nil {
			return strconv.Itoa(it.row), true
		}
		return "", false
	}})
	if err != nil {
		return err
	}
	text := func(key string) string { return asset.Text(asset.Get(node, key)) }
	it := item{uid: a.ID.UID, kind: a.ID.Kind, name: text("name"), note: text("note"), password: text("password")}
	if row := asset.Get(node, "shelf"); row != nil {
		it.shelf, _ = strconv.Atoi(row.Value)
	}
	if it.note == "refuse me" {
		return errors.New("422 refused")
	}
	return p.put(a.ID, it)
}

// put is called with the store's lock held.
func (p *shelves) put(id asset.ID, it item) error {
	old := p.find(id)
	if old != nil {
		it.row = old.row
	}
	p.damage(old, &it)
	if p.s.lie {
		return nil
	}
	made := p.s.put(it, "me")
	p.after(id, made)
	if p.portable || p.remembers(id, made.row) {
		return nil
	}
	return p.cfg.IDs.Bind(platform.Binding{ID: id, Server: strconv.Itoa(made.row)})
}

func (p *shelves) Delete(ctx context.Context, id asset.ID) error {
	if err := p.call(ctx, "delete"); err != nil {
		return err
	}
	if id.Kind == "wall" {
		return p.refuse("pretends to tear down")
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if it := p.find(id); it != nil {
		p.remove(it)
	}
	return nil
}

// Recognize compares what stands alone on both sides, shelves first.
func (p *shelves) Recognize(ctx context.Context, known []*asset.Asset) (int, error) {
	n := 0
	for _, k := range factory(nil, p.variety).Kinds {
		rows, err := p.unbound(ctx, k)
		if err != nil {
			return n, err
		}
		wanted := map[string][]asset.ID{}
		for _, a := range known {
			if a.ID.Kind == k {
				key := nameless(a.Content)
				wanted[key] = append(wanted[key], a.ID)
			}
		}
		for key, ids := range wanted {
			if !p.unmistakable(ids, rows[key]) {
				continue
			}
			n++
			if p.flaw == "counts and does not bind" {
				continue
			}
			if err := p.cfg.IDs.Bind(platform.Binding{ID: ids[0], Server: strconv.Itoa(rows[key][0])}); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// unbound are the rows of a kind by what they hold.
func (p *shelves) unbound(ctx context.Context, k asset.Kind) (map[string][]int, error) {
	if err := p.call(ctx, "recognize"); err != nil {
		return nil, err
	}
	_, lookup := p.begin(nil)
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	out := map[string][]int{}
	for _, row := range p.visible() {
		it := p.s.items[row]
		if it.kind != k {
			continue
		}
		a, _, err := normalize.Canonical(&asset.Raw{Info: p.info(it), Doc: p.node(it), Lookup: lookup}, rules(p.variety))
		if err != nil {
			return nil, err
		}
		key := nameless(a.Content)
		out[key] = append(out[key], row)
	}
	return out, nil
}

// nameless is a document without its uid.
func nameless(content []byte) string {
	doc, err := asset.ParseDocument("x.yaml", content)
	if err != nil {
		return string(content)
	}
	doc.UID = "x"
	out, err := doc.Encode()
	if err != nil {
		return string(content)
	}
	return string(out)
}
