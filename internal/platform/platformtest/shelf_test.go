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
	"github.com/dashkeep/dashkeep/internal/secret"
)

// A platform in memory: boxes that stand on shelves. Its flaw, when it has one,
// is what one case of the suite must notice.

type item struct {
	uid, name, note, password, by string
	kind                          asset.Kind
	row, shelf                    int
	changed                       time.Time
}

// store is the server.
type store struct {
	mu       sync.Mutex
	items    map[asset.ID]*item
	next     int
	clock    time.Time
	writes   int
	session  int // sessions below are expired
	throttle int
	wait     time.Duration
	held     chan struct{}
	lie      bool
	fault    bool
	omitted  asset.ID
}

var (
	errExpired   = errors.New("session expired")
	errThrottled = errors.New("too many requests")
	errGarbage   = errors.New("no JSON")
)

// request is what every call to the server goes through.
func (s *store) request(ctx context.Context, session int) error {
	s.mu.Lock()
	held, expired, throttled, fault := s.held, session < s.session, s.throttle > 0, s.fault
	if throttled {
		s.throttle--
	}
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case held != nil:
		select {
		case held <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	case expired:
		return errExpired
	case throttled:
		return errThrottled
	case fault:
		return errGarbage
	}
	return nil
}

func (s *store) put(it item, by string) *item {
	id := asset.ID{Kind: it.kind, UID: it.uid}
	old := s.items[id]
	if old == nil {
		s.next++
		old = &item{row: s.next, password: it.password}
		s.items[id] = old
	}
	s.clock = s.clock.Add(time.Second)
	it.row, it.by, it.changed = old.row, by, s.clock
	if it.password == "" || it.password == normalize.Mask {
		it.password = old.password
	}
	s.items[id] = &it
	s.writes++
	return &it
}

// shelves is the client. flaw names what is wrong with it.
type shelves struct {
	cfg     platform.Config
	s       *store
	flaw    string
	mu      sync.Mutex
	session int
	noise   int
	cached  []asset.Info
	sent    map[asset.ID]*asset.Raw
}

func factory(s func(url string) *store, flaw string) platform.Factory {
	return platform.Factory{
		Name: "shelves", Caps: platform.Caps{Delete: true, StableUID: true}, Kinds: []asset.Kind{"shelf", "box"}, Rules: rules(flaw),
		New: func(c platform.Config) (platform.Platform, error) {
			return &shelves{cfg: c, s: s(c.URL), flaw: flaw, sent: map[asset.ID]*asset.Raw{}}, nil
		},
	}
}

func rules(flaw string) normalize.Rules {
	table := []normalize.Rule{{Op: normalize.Drop, Path: "/row", Why: "a row id"}}
	if flaw != "leaks" {
		table = append(table, normalize.Rule{Op: normalize.Redact, Path: "/password", Why: "a secret"})
	}
	if flaw == "grows" {
		table = append(table, normalize.Rule{Op: normalize.Call, Path: "/note", Why: "wrong on purpose", Hook: &normalize.Hook{
			Canonical: func(d *normalize.Doc) error {
				asset.Put(d.Root, asset.Str(asset.Text(asset.Get(d.Root, "note"))+"+"), "note")
				return nil
			}}})
	}
	box := append(slices.Clone(table), normalize.Rule{Op: normalize.RefValue, Path: "/shelf", Kind: "shelf", Why: "a row id"})
	return normalize.Rules{Format: "shelves/1", Kinds: map[asset.Kind]normalize.KindRules{
		"shelf": {UID: "uid", Title: "name", Rules: table}, "box": {UID: "uid", Title: "name", Rules: box}}}
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
		switch {
		case errors.Is(err, errExpired) && p.flaw != "forgetful":
			p.mu.Lock()
			p.session = p.s.session
			p.mu.Unlock()
		case errors.Is(err, errThrottled) && p.flaw != "pushy":
			select {
			case <-time.After(p.s.wait):
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

func (p *shelves) List(ctx context.Context) ([]asset.Info, error) {
	if err := p.call(ctx, "list"); err != nil {
		if p.flaw == "blind" && errors.Is(err, errGarbage) {
			return nil, nil
		}
		return nil, err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.flaw == "writes when reading" {
		p.s.writes++
	}
	if p.flaw == "caches the list" && p.cached != nil {
		return p.cached, nil
	}
	var out []asset.Info
	for id, it := range p.s.items {
		out = append(out, p.info(id, it))
	}
	if p.flaw == "ghost" {
		out = append(out, asset.Info{ID: asset.ID{Kind: "box", UID: "ghost"}, Title: "Ghost"})
	}
	p.cached = out
	return out, nil
}

func (p *shelves) info(id asset.ID, it *item) asset.Info {
	by := it.by
	if p.flaw == "misattributes" {
		by = "somebody else"
	}
	return asset.Info{ID: id, Title: it.name, UpdatedAt: it.changed, UpdatedBy: asset.Person{Username: by}}
}

func (p *shelves) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		if err := p.call(ctx, "export"); err != nil {
			if p.flaw != "blind" || !errors.Is(err, errGarbage) {
				yield(nil, err)
			}
			return
		}
		raws, fails := p.documents(ids)
		for _, raw := range raws {
			if !yield(raw, nil) {
				return
			}
			if err := p.call(ctx, "export"); err != nil {
				yield(nil, err)
				return
			}
		}
		for _, err := range fails {
			yield(nil, err)
		}
	}
}

func (p *shelves) documents(ids []asset.ID) (raws []*asset.Raw, fails []error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if ids == nil || p.flaw == "exports all" {
		ids = slices.SortedFunc(maps.Keys(p.s.items), asset.ID.Compare)
		if p.flaw == "loses one" && len(ids) > 0 {
			ids = ids[1:]
		}
	}
	p.noise++
	for _, id := range ids {
		it := p.s.items[id]
		if it == nil || id == p.s.omitted {
			if p.flaw != "silent" {
				fails = append(fails, &asset.Error{Info: asset.Info{ID: id}, Err: errors.New("not in the export")})
			}
			continue
		}
		raws = append(raws, p.raw(id, it))
	}
	return raws, fails
}

func (p *shelves) raw(id asset.ID, it *item) *asset.Raw {
	if sent := p.sent[id]; sent != nil && p.flaw == "shows what it sent" {
		return sent
	}
	doc := asset.Map("uid", it.uid, "name", it.name, "note", it.note, "password", it.password, "row", strconv.Itoa(it.row))
	if it.kind == "box" {
		asset.Put(doc, asset.Int(it.shelf), "shelf")
	}
	if p.flaw == "noisy" {
		asset.Put(doc, asset.Str(strconv.Itoa(p.noise)), "exported")
	}
	rows := map[string]string{}
	for other, o := range p.s.items {
		if other.Kind == "shelf" {
			rows[strconv.Itoa(o.row)] = o.uid
		}
	}
	return &asset.Raw{Info: p.info(id, it), Doc: doc, Source: id.String(), Lookup: func(_ asset.Kind, row string) (string, bool) {
		if p.flaw == "misrefers" {
			return "nowhere", true
		}
		uid, ok := rows[row]
		return uid, ok
	}}
}

func (p *shelves) Import(ctx context.Context, as []*asset.Asset, deps *asset.Set) []asset.Result {
	out := make([]asset.Result, len(as))
	if p.flaw == "overwrites dependencies" {
		for _, ref := range as[len(as)-1].Refs {
			if d := deps.Get(ref); d != nil {
				_ = p.write(ctx, d)
			}
		}
	}
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
	doc, err := asset.ParseDocument("x.yaml", a.Content)
	if err != nil {
		return err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	node, _, err := normalize.Denormalize(doc, p.rules(a.ID.Kind), normalize.Server{Row: func(id asset.ID, _ normalize.Missing) (string, bool) {
		if it := p.s.items[id]; it != nil {
			return strconv.Itoa(it.row), true
		}
		return "", false
	}})
	if err != nil {
		return err
	}
	text := func(key string) string { return asset.Text(asset.Get(node, key)) }
	it := item{uid: text("uid"), kind: a.ID.Kind, name: text("name"), note: text("note"), password: text("password")}
	if row := asset.Get(node, "shelf"); row != nil {
		it.shelf, _ = strconv.Atoi(row.Value)
	}
	if it.note == "refuse me" {
		return errors.New("422 refused")
	}
	p.damage(&it, a, node)
	if !p.s.lie {
		p.s.put(it, "me")
	}
	return nil
}

func (p *shelves) rules(k asset.Kind) normalize.KindRules { return rules(p.flaw).Kinds[k] }

// damage is what flawed imports do to the item or to others.
func (p *shelves) damage(it *item, a *asset.Asset, node *yaml.Node) {
	old := p.s.items[a.ID]
	switch p.flaw {
	case "drops a field":
		it.note = ""
	case "appends":
		if old != nil {
			it.note += "!"
		}
	case "ASCII only":
		it.name = strings.Map(func(r rune) rune {
			if r > 126 {
				return '?'
			}
			return r
		}, it.name)
	case "splashes":
		for id, o := range p.s.items {
			if id != a.ID {
				o.note = "splashed"
			}
		}
	case "shows what it sent":
		raw := p.raw(a.ID, it)
		raw.Doc = node
		p.sent[a.ID] = raw
	}
}

func (p *shelves) Delete(ctx context.Context, id asset.ID) error {
	if err := p.call(ctx, "delete"); err != nil {
		return err
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.flaw != "keeps" {
		delete(p.s.items, id)
	}
	return nil
}

// login is the configuration of a client of the store at url.
func login(url string) platform.Config {
	return platform.Config{URL: url, Auth: platform.Auth{Username: "me", Password: secret.Literal("right")}}
}
