package platformtest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// What flawed shelves do differently. The hooks stand where a real platform
// would go wrong; without the flaw each does what is right.

// broken is what they keep and should not.
type broken struct {
	cached  []asset.Info
	reads   int                // exports of everything in a row
	local   map[int]string     // uids by row, for this connection only
	sent    map[int]item       // what was written last
	seen    map[int]item       // what was read last
	deleted map[int]bool       // what it thinks is gone
	shown   map[int]*asset.Raw // documents of earlier exports
	hoard   []*asset.Raw
	waiting []int // rows of the export that began last
}

func newBroken() broken {
	return broken{local: map[int]string{}, sent: map[int]item{}, seen: map[int]item{}, deleted: map[int]bool{}, shown: map[int]*asset.Raw{}}
}

// growing is a rule that is never done: it goes on at each loading.
func growing() normalize.Rule {
	return normalize.Rule{Op: normalize.Call, Path: "/note", Why: "wrong on purpose", Hook: &normalize.Hook{
		Canonical: func(d *normalize.Doc) error {
			if note := asset.Text(asset.Get(d.Root, "note")); strings.HasPrefix(note, "loose") {
				asset.Put(d.Root, asset.Str(note+"!"), "note")
			}
			return nil
		}}}
}

func (p *shelves) remembered(row int) (string, bool) {
	if p.flaw != "forgets its bindings" {
		return "", false
	}
	uid, ok := p.local[row]
	return uid, ok
}

func (p *shelves) remembers(id asset.ID, row int) bool {
	p.local[row] = id.UID
	return p.flaw == "forgets its bindings"
}

func (p *shelves) believesDeleted(row int) bool {
	return p.flaw == "believes its deletions" && p.deleted[row]
}

// misread spoils a list. The store's lock is held.
func (p *shelves) misread(list []asset.Info) []asset.Info {
	for row, it := range p.s.items {
		p.seen[row] = *it
	}
	switch {
	case p.flaw == "writes when reading":
		p.s.writes++
	case p.flaw == "shows a sample" && p.s.writes == 0:
		return append(list, asset.Info{ID: asset.ID{Kind: "box", UID: "sample"}, Title: "Sample"})
	case p.flaw == "cannot believe it" && len(list) == 0:
		return p.cached
	}
	p.cached = list
	return list
}

// lose spoils what an export reads. The store's lock is held.
func (p *shelves) lose(rows []int, all bool) []int {
	if !all && p.flaw == "exports all" {
		for _, row := range p.visible() {
			if !slices.Contains(rows, row) {
				rows = append(rows, row)
			}
		}
	}
	if !all || p.flaw != "loses empty shelves" {
		return rows
	}
	used := map[int]bool{}
	for _, it := range p.s.items {
		used[it.shelf] = true
	}
	return slices.DeleteFunc(rows, func(row int) bool { return p.s.items[row].kind == "shelf" && !used[row] })
}

// counted notes how many exports of everything there were in a row.
func (p *shelves) counted(all bool) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.reads++; !all {
		p.reads = 0
	}
}

// queue gives out the rows of one export.
func (p *shelves) queue(rows []int) iter.Seq[int] {
	switch p.flaw {
	case "has one cursor":
		p.setWaiting(rows)
		return func(yield func(int) bool) {
			for row, ok := p.nextWaiting(); ok && yield(row); row, ok = p.nextWaiting() {
			}
		}
	case "reads ahead":
		return func(yield func(int) bool) {
			ch := make(chan int)
			go func() {
				defer close(ch)
				for _, row := range rows {
					p.send(ch, row)
				}
			}()
			for row := range ch {
				if !yield(row) {
					return
				}
			}
		}
	}
	return slices.Values(rows)
}

// readOn goes on when nobody reads any more.
func (p *shelves) readOn(ctx context.Context, rows []int) {
	if p.flaw == "reads to the end" {
		for range rows {
			_ = p.call(ctx, "export")
		}
	}
}

// send waits for a reader that may have gone, and gives up only at the end of
// the test.
func (p *shelves) send(ch chan<- int, row int) {
	select {
	case ch <- row:
	case <-p.s.over:
	}
}

func (p *shelves) setWaiting(rows []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = rows
}

func (p *shelves) nextWaiting() (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return 0, false
	}
	row := p.waiting[0]
	p.waiting = p.waiting[1:]
	return row, true
}

// hidden answers for an item that this account may not see.
func (p *shelves) hidden(it *item) (*asset.Raw, error) {
	switch {
	case p.flaw == "shows what it once saw":
		return p.shown[it.row], nil
	case p.s.forbidden && p.flaw != "takes forbidden for gone":
		return nil, &asset.Error{Info: asset.Info{ID: p.id(it)}, Err: errForbidden}
	}
	return nil, nil
}

// spoil changes a document that was read. The store's lock is held.
func (p *shelves) spoil(it *item, raw *asset.Raw) *asset.Raw {
	switch p.flaw {
	case "shows what it once saw":
		if len(p.shown) < 20 {
			p.shown[it.row] = raw
		}
	case "hoards":
		p.hoard = append(p.hoard, raw)
	case "noisy":
		if p.reads > 3 {
			asset.Put(raw.Doc, asset.Str(strconv.Itoa(p.reads)), "exported")
		}
	case "shows what it sent":
		if sent, ok := p.sent[it.row]; ok {
			shown := *it
			shown.name, shown.note = sent.name, sent.note
			raw.Doc = p.node(&shown)
		}
	}
	return raw
}

// before comes before a batch is written.
func (p *shelves) before(ctx context.Context, as []*asset.Asset, deps *asset.Set) {
	if p.flaw != "overwrites dependencies" {
		return
	}
	for _, ref := range as[len(as)-1].Refs {
		if d := deps.Get(ref); d != nil {
			_ = p.write(ctx, d)
		}
	}
}

// damage changes what is about to be written. old is what it replaces.
func (p *shelves) damage(old, it *item) {
	switch {
	case p.flaw == "forgets notes of new shelves" && old == nil && it.kind == "shelf":
		it.note = ""
	case p.flaw == "appends" && old != nil && old.name == it.name && old.note == it.note:
		it.note += "!"
	case p.flaw == "ASCII only":
		it.name = strings.Map(func(r rune) rune {
			if r > 126 {
				return '?'
			}
			return r
		}, it.name)
	case p.flaw == "splashes" && old != nil && old.name != it.name && it.kind == "shelf":
		for _, o := range p.s.items {
			if o.kind == "shelf" && o != old {
				o.note = "splashed"
			}
		}
	case p.flaw == "writes back what it read":
		for row, was := range p.seen {
			if o := p.s.items[row]; o != nil && row != it.row {
				o.name, o.note = was.name, was.note
			}
		}
	}
	p.sent[it.row] = *it
}

// after comes when something was written.
func (p *shelves) after(_ asset.ID, made *item) {
	p.seen[made.row] = *made
	delete(p.deleted, made.row)
}

// refuse is the answer for what cannot be done.
func (p *shelves) refuse(unless string) error {
	if p.flaw == unless {
		return nil
	}
	return errors.New("walls are made by masons")
}

// remove deletes an item. The store's lock is held.
func (p *shelves) remove(it *item) {
	p.deleted[it.row] = true
	if p.s.lie || p.flaw == "keeps" {
		return
	}
	delete(p.s.items, it.row)
	if p.flaw == "sweeps up" {
		for row, o := range p.s.items {
			if o.kind == "shelf" && o.name == "Spare" {
				delete(p.s.items, row)
			}
		}
	}
}

// unmistakable reports whether one asset and one row are alike and nothing else.
func (p *shelves) unmistakable(ids []asset.ID, rows []int) bool {
	if p.flaw == "guesses" {
		return len(ids) > 0 && len(rows) > 0
	}
	return len(ids) == 1 && len(rows) == 1
}
