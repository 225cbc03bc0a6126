package superset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// The cheap question is one request per kind: the rows changed last, a page of
// them, in the only order that every kind and version offers
// (changed_on_delta_humanized; a filter by change time is refused, measured 4.1.4
// to 6.1.0, but css_template); kinds whose rows that order does not help with, or
// that show no change time, are asked for whole (trait.whole), which costs no more
// while they have up to a page. A row is the same when everything the list shows of
// it is the same.
// On 6.1.0 every edit of content moves the row's time; owners, tags and the
// dashboards of a chart do not, but the list shows them; a dashboard's roles and
// embedding neither move nor show, and are for the next complete reading.
//
// Page one shows all there is of a small kind. Of a larger one it is believed
// about the rest only when
//
//   - its last row is one that was known, so that no edit lies beyond it, and
//   - the count is that of what was known with what is new, so nothing is gone, and
//   - no time runs backwards, or ahead of our own clock.
//
// Else the whole list of the kind is read and compared row by row.

// ahead is how far a server's clock may run before ours.
const ahead = 5 * time.Minute

// settles is how long after a time in whole seconds was first seen an edit can no
// longer carry it: MySQL keeps no fractions.
const settles = 3 * time.Second

// look is one cheap question and what it found out.
type look struct {
	c       *conn
	began   time.Time
	version string
	kinds   []asset.Kind
	heads   map[asset.Kind]*head
	state   seenState            // what was known
	known   map[asset.ID]seenRow // what was known
	marks   map[asset.ID]seenRow // what is known now
	rows    map[asset.Kind][]row // that were looked at
	moved   map[asset.ID]bool    // rows that are new or not what they were
	index   *index               // of the reading of everything
	denied  map[asset.Kind]asset.KindError
	parts   []asset.KindError   // kinds of which the account is shown a part
	asked   bool                // whether parts is known
	public  map[asset.Kind]bool // kinds that are shown to everybody, and to us no more
}

// head is the first page of a kind, newest first.
type head struct {
	page
	whole          bool // the page is all there is
	newest, oldest time.Time
	byRow          map[int]row
}

// Changed implements exporter.Changer.
func (c *conn) Changed(ctx context.Context, since *asset.Seen) (*asset.Changes, error) {
	_, ch, err := c.look(ctx, since)
	return ch, err
}

func (c *conn) look(ctx context.Context, since *asset.Seen) (*look, *asset.Changes, error) {
	began, version := c.now(), c.versionNow(ctx) // it decides which kinds there are
	l := &look{c: c, began: began, version: version, kinds: c.kinds(ctx), heads: map[asset.Kind]*head{},
		known: map[asset.ID]seenRow{}, marks: map[asset.ID]seenRow{}, rows: map[asset.Kind][]row{}, moved: map[asset.ID]bool{}}
	all := func(why string) (*look, *asset.Changes, error) {
		return l, &asset.Changes{Server: l.version, All: why, Export: l.exportAll, Seen: l.seenAll}, nil
	}
	if err := l.prepare(ctx, since); err != nil {
		return nil, nil, err
	}
	if err := l.ask(ctx); err != nil {
		return nil, nil, err
	}
	if why := l.recall(since); why != "" {
		return all(why)
	}
	c.teach(l.known)
	l.parts, l.asked = l.state.Parts, l.state.Asked
	ch := &asset.Changes{Server: l.version, Skipped: slices.Concat(c.skips(ctx), sortedKinds(l.denied), l.parts), Export: l.export, Kept: l.kept, Seen: l.seen}
	err := l.compare(ctx, ch)
	var kind *asset.KindError
	if errors.As(err, &kind) {
		return all(kind.Error())
	}
	if err != nil {
		return l, ch, err
	}
	mine, err := l.mine(ctx)
	if err == nil && !mine {
		return all("the server answered as to somebody who is not logged in")
	}
	return l, ch, err
}

// ask sends one request per kind. A kind that this account may not list takes no
// part in the look.
func (l *look) ask(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	heads := make([]*head, len(l.kinds))
	refused := make([]error, len(l.kinds))
	for i, k := range l.kinds {
		if l.public[k] {
			refused[i] = l.c.hidden(k)
			continue
		}
		g.Go(func() (err error) {
			heads[i], err = l.c.head(gctx, k)
			if unlisted(k, err) {
				refused[i], err = err, nil
			}
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		l.denied, err = deniedKinds(l.kinds, refused)
	}
	if err != nil {
		return err
	}
	for i, k := range l.kinds {
		if heads[i] != nil {
			l.heads[k] = heads[i]
		}
	}
	l.kinds = slices.DeleteFunc(l.kinds, func(k asset.Kind) bool { return l.heads[k] == nil })
	return nil
}

func (c *conn) head(ctx context.Context, k asset.Kind) (*head, error) {
	p, err := c.newest(ctx, k)
	if err != nil {
		return nil, err
	}
	h := &head{page: p, byRow: map[int]row{}}
	for i, r := range p.Rows {
		if r.UUID == "" && !traitOf(k).nameless {
			return nil, fmt.Errorf("instance %s: the list of %s shows row %d without uuid", c.instance, k.Plural(), r.ID)
		}
		h.byRow[r.ID] = r
		t := changeTime(r)
		if i == 0 || t.After(h.newest) {
			h.newest = t
		}
		if i == 0 || t.Before(h.oldest) {
			h.oldest = t
		}
	}
	h.whole = len(h.byRow) == p.Count
	return h, nil
}

// name gives the rows their uuids where the list shows none.
func (h *head) name(ctx context.Context, c *conn, k asset.Kind) error {
	rows, err := c.name(ctx, k, h.Rows)
	if err != nil {
		return err
	}
	h.Rows, h.byRow = rows, map[int]row{}
	for _, r := range rows {
		h.byRow[r.ID] = r
	}
	return nil
}

// newest are the rows of a kind that changed last, a page of them, or all rows of
// one that is always compared by its whole list.
func (c *conn) newest(ctx context.Context, k asset.Kind) (page, error) {
	if traitOf(k).listsWhole() {
		rows, err := c.listKind(ctx, k)
		return page{len(rows), rows}, err
	}
	return c.ordered(ctx, k, "changed_on_delta_humanized", "desc", 0, pageSize)
}

// versionNow asks for the version although it may be known: a server may be
// upgraded while we serve.
func (c *conn) versionNow(ctx context.Context) string {
	c.mu.Lock()
	c.server, c.serverAsked = "", false
	c.mu.Unlock()
	return c.version(ctx)
}

// recall reads what an earlier look left. why says what makes it useless.
func (l *look) recall(since *asset.Seen) (why string) {
	if since == nil {
		return "nothing is known yet"
	}
	const broken = "what is known cannot be read"
	if err := json.Unmarshal([]byte(since.State), &l.state); err != nil {
		return broken
	}
	switch s := l.state; {
	case s.URL != l.c.http.BaseURL():
		return "the address is another one"
	case s.User != l.c.auth.cfg.Username:
		return "the account is another one"
	case s.Version != l.version:
		return "the server's version is another one"
	case len(s.Kinds) != len(l.kinds):
		return "other kinds are read"
	}
	for _, k := range l.kinds {
		if _, ok := l.state.Kinds[k]; !ok {
			return "other kinds are read"
		}
	}
	for id, mark := range since.Marks {
		r, ok := parseSeenRow(mark)
		if !ok || !slices.Contains(l.kinds, id.Kind) {
			return broken
		}
		l.known[id] = r
	}
	return ""
}

// compare finds out, kind by kind, what is there and what of it changed.
func (l *look) compare(ctx context.Context, ch *asset.Changes) error {
	known := map[asset.Kind]map[int]asset.ID{}
	for _, k := range l.kinds {
		known[k] = map[int]asset.ID{}
	}
	for id, r := range l.known {
		known[id.Kind][r.row] = id
	}
	for _, k := range l.kinds {
		if err := l.heads[k].name(ctx, l.c, k); err != nil {
			return err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	rows, whole := make([][]row, len(l.kinds)), make([]bool, len(l.kinds))
	for i, k := range l.kinds {
		h := l.heads[k]
		rows[i], whole[i] = h.Rows, h.whole
		if whole[i] || l.sure(k, h, known[k]) {
			continue
		}
		whole[i] = true
		g.Go(func() (err error) {
			rows[i], err = l.c.listKind(gctx, k)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, k := range l.kinds {
		l.rows[k] = rows[i]
		if !whole[i] {
			for id, r := range l.known {
				if id.Kind == k {
					l.marks[id] = r
				}
			}
		}
		for _, r := range peoples(rows[i]) {
			l.settle(k, r, ch)
		}
	}
	for id := range l.marks {
		ch.Listed = append(ch.Listed, id)
	}
	l.spread(ch)
	return nil
}

// sure reports whether page one tells of everything that changed in a kind.
func (l *look) sure(k asset.Kind, h *head, known map[int]asset.ID) bool {
	was, added := l.state.Kinds[k], 0
	if len(h.Rows) == 0 || was.Ahead || h.newest.After(l.began.Add(ahead)) {
		return false
	}
	last := h.Rows[len(h.Rows)-1]
	if !l.same(k, last) {
		return false
	}
	for _, r := range h.Rows {
		id, ok := known[r.ID]
		switch t := changeTime(r); {
		case t.IsZero(), ok && id.UID != r.UUID:
			return false
		case !l.same(k, r) && t.Before(was.Newest):
			return false
		case !ok:
			added++
		}
	}
	return h.Count == len(known)+added && len(h.byRow) == len(h.Rows)
}

// same reports whether a row is known as it is, beyond doubt.
func (l *look) same(k asset.Kind, r row) bool {
	was, ok := l.known[asset.ID{Kind: k, UID: r.UUID}]
	return ok && was.row == r.ID && was.print == printOf(r) && was.since == 0 && (traitOf(k).listsWhole() || !changeTime(r).IsZero())
}

// settle takes a row over into what is known now.
func (l *look) settle(k asset.Kind, r row, ch *asset.Changes) {
	id := asset.ID{Kind: k, UID: r.UUID}
	was, ok := l.known[id]
	now := seenRow{row: r.ID, print: printOf(r)}
	if !l.same(k, r) {
		ch.Changed = append(ch.Changed, id)
		l.moved[id] = true
		if !traitOf(k).listsWhole() && repeats(changeTime(r), l.heads[k].newest) {
			now.since = l.began.Unix()
			if ok && was.row == now.row && was.print == now.print && was.since != 0 {
				if now.since = was.since; l.began.Sub(time.Unix(was.since, 0)) > settles {
					now.since = 0
				}
			}
		}
	}
	l.marks[id] = now
	if !ok {
		ch.Texts = append(ch.Texts, asset.MissingRef(k, strconv.Itoa(r.ID))) // a reference to nothing may have found its row
	}
}

// repeats reports whether an edit after this one may carry the same time.
func repeats(t, newest time.Time) bool { return t.Nanosecond() == 0 && !t.Before(newest) }

// spread adds what hangs on what changed: a dashboard's export holds charts that
// were put on it from the chart's side, which does not move the dashboard; a
// dataset without a timeout of its own is exported with its database's.
func (l *look) spread(ch *asset.Changes) {
	dashboards := map[int]asset.ID{}
	for id, r := range l.marks {
		if id.Kind == kindDashboard {
			dashboards[r.row] = id
		}
	}
	changed := map[asset.ID]bool{}
	for _, id := range ch.Changed {
		changed[id] = true
		if id.Kind == kindDatabase || id.Kind == kindChart {
			ch.Texts = append(ch.Texts, id.UID)
		}
	}
	for _, r := range l.rows[kindChart] {
		if !changed[asset.ID{Kind: kindChart, UID: r.UUID}] {
			continue
		}
		for _, d := range r.Dashboards {
			if id, ok := dashboards[d.ID]; ok {
				ch.Changed = append(ch.Changed, id)
			}
		}
	}
}
