package matih

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// Recognize finds out which dashboards of the server the known assets are whose
// bindings were lost, and binds them with their widgets in one call. Only
// dashboards that nobody bound count, and of those only the ones with a title
// that is looked for are read. Three rules:
//
//  1. Same title and same content, uids aside, and no second asset or dashboard
//     of which that is true: with twins nobody could tell which is which.
//
//  2. Among what is left: the only asset and the only dashboard of a title, when
//     at least half of the widgets, and at least one, are equal. Without it one
//     edit during the outage would turn a dashboard into a deletion and an
//     addition, and its history would end. When the rule is wrong (a dashboard
//     was deleted and another of the same title and half the same widgets was
//     made) the next pull shows an edit, and Git still has the old version. Half
//     is where most of what people see is the same; an empty dashboard is never
//     recognized by it, because emptiness says nothing.
//
//  3. Among what is left: the only dashboard without widgets, of the title and
//     metadata of the only asset that nobody bound. So begins what a run creates
//     that was killed before it could bind it (see adopt); were it an asset of its
//     own now, the next run would create another.
//
// Widgets of dashboards that are bound are bound too where nobody bound them and
// the asset has equal ones that nobody bound: so ends a run that was killed after
// it had added them.
//
// Widgets that differ under rule 2 are paired by title and type where both sides
// have one such, so that an edit of one shows as an edit.
func (c *conn) Recognize(ctx context.Context, known []*asset.Asset) (int, error) {
	rows, err := c.list(ctx)
	if err != nil {
		return 0, err
	}
	ids := map[asset.ID]bool{}
	for _, a := range known {
		ids[a.ID] = true
	}
	free := map[string][]row{}
	live := map[string]bool{}
	for _, r := range rows {
		live[r.server] = true
		if c.ids.Minted(r.info.ID) && !ids[r.info.ID] {
			free[r.info.Title] = append(free[r.info.Title], r)
		}
	}
	lost := map[string][]*lostAsset{}
	for _, a := range known {
		if a.ID.Kind != kindDashboard || len(free[a.Title]) == 0 {
			continue
		}
		l, err := c.lostOf(ctx, a, live)
		if err != nil {
			return 0, err
		}
		if l != nil {
			lost[a.Title] = append(lost[a.Title], l)
		}
	}
	bs, found, err := c.unboundWidgets(ctx, known, live)
	if err != nil {
		return 0, err
	}
	for _, title := range slices.Sorted(maps.Keys(lost)) {
		ms, err := c.match(ctx, lost[title], free[title])
		if err != nil {
			return 0, err
		}
		for _, m := range ms {
			bs = append(bs, m.bindings()...)
		}
		found += len(ms)
	}
	if len(bs) == 0 {
		return 0, nil
	}
	return found, c.ids.Bind(bs...)
}

// unboundWidgets pairs widgets that nobody bound on both sides of dashboards that
// are there. It reads those that have any in known. found counts dashboards.
func (c *conn) unboundWidgets(ctx context.Context, known []*asset.Asset, live map[string]bool) (bs []platform.Binding, found int, err error) {
	unbound := func(ws []widget, is func(asset.ID) bool) []widget {
		return slices.DeleteFunc(slices.Clone(ws), func(w widget) bool { return !is(asset.ID{Kind: kindWidget, UID: w.uid}) })
	}
	for _, a := range known {
		server, ok := c.ids.Server(a.ID)
		if !ok || !live[server] {
			continue
		}
		b, err := c.boardIn(a)
		if err != nil {
			continue // whoever reads the file reports it
		}
		lost := unbound(b.widgets, func(id asset.ID) bool {
			_, known := c.ids.Server(id)
			return !known
		})
		if len(lost) == 0 {
			continue
		}
		d, err := c.fetch(ctx, server)
		if errors.Is(err, errGone) || errors.Is(err, errHidden) || isOdd(err) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		st, err := c.stateOf(d)
		if err != nil {
			continue
		}
		lost = unbound(lost, func(id asset.ID) bool { return d.widgets[id.UID] == "" })
		pairs := twins(unbound(st.widgets, func(id asset.ID) bool { return b.get(id.UID) == nil && c.ids.Minted(id) }), lost)
		for at, uid := range pairs {
			bs = append(bs, platform.Binding{ID: asset.ID{Kind: kindWidget, UID: uid}, Server: server + "/" + d.widgets[at]})
		}
		found += min(len(pairs), 1)
	}
	return bs, found, nil
}

// boardIn takes a known asset apart.
func (c *conn) boardIn(a *asset.Asset) (*board, error) {
	canonical, err := normalize.Load(a.Path, a.Content, Rules())
	if err != nil {
		return nil, err
	}
	return boardOf(canonical)
}

// lostAsset is a known asset that is no dashboard of the server.
type lostAsset struct {
	*board
	id    asset.ID
	print string
}

// lostOf is nil when the asset is bound to a dashboard that is there, listed or
// not: another user's private one is not listed.
func (c *conn) lostOf(ctx context.Context, a *asset.Asset, live map[string]bool) (*lostAsset, error) {
	if server, ok := c.ids.Server(a.ID); ok {
		if live[server] {
			return nil, nil
		}
		switch _, err := c.fetch(ctx, server); {
		case errors.Is(err, errGone):
		case err == nil, errors.Is(err, errHidden), isOdd(err):
			return nil, nil
		default:
			return nil, err
		}
	}
	b, err := c.boardIn(a)
	if err != nil {
		return nil, nil // whoever reads the file reports it
	}
	print, err := b.fingerprint()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.ID, err)
	}
	return &lostAsset{b, a.ID, print}, nil
}

// match is an asset and the dashboard it was found to be.
type match struct {
	lost *lostAsset
	live *state
}

// match pairs assets and dashboards of one title by the two rules. A dashboard
// that cannot be read could be any of them, so then none is matched.
func (c *conn) match(ctx context.Context, lost []*lostAsset, rows []row) ([]match, error) {
	byPrint := map[string][]*state{}
	for _, r := range rows {
		d, err := c.fetch(ctx, r.server)
		if errors.Is(err, errGone) {
			continue
		}
		if errors.Is(err, errHidden) || isOdd(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		st, err := c.stateOf(d)
		if err != nil {
			return nil, nil
		}
		print, err := st.fingerprint()
		if err != nil {
			return nil, err
		}
		byPrint[print] = append(byPrint[print], st)
	}
	var out []match
	var rest []*lostAsset
	for _, l := range lost {
		same := func(o *lostAsset) bool { return o != l && o.print == l.print }
		if sts := byPrint[l.print]; len(sts) == 1 && !slices.ContainsFunc(lost, same) {
			out = append(out, match{l, sts[0]})
			delete(byPrint, l.print)
			continue
		}
		rest = append(rest, l)
	}
	var others []*state
	for _, sts := range byPrint {
		others = append(others, sts...)
	}
	if len(rest) == 1 && len(others) == 1 && alike(rest[0].board, others[0].board) {
		return append(out, match{rest[0], others[0]}), nil
	}
	return append(out, c.begun(rest, others)...), nil
}

// begun is the third rule.
func (c *conn) begun(lost []*lostAsset, live []*state) []match {
	var found []match
	for _, l := range lost {
		if _, bound := c.ids.Server(l.id); bound {
			continue
		}
		for _, st := range live {
			if len(st.widgets) == 0 && begins(st.board, l.board) {
				found = append(found, match{l, st})
			}
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found
}

// alike is the second rule.
func alike(a, b *board) bool {
	equal := len(twins(a.widgets, b.widgets))
	return equal > 0 && 2*equal >= max(len(a.widgets), len(b.widgets))
}

// bindings are those of the dashboard and of its widgets.
func (m match) bindings() []platform.Binding {
	server := m.live.d.server
	out := []platform.Binding{{ID: m.lost.id, Server: server}}
	pairs := twins(m.live.widgets, m.lost.widgets)
	left := func(ws []widget, taken func(uid string) bool) []widget {
		return slices.DeleteFunc(slices.Clone(ws), func(w widget) bool { return taken(w.uid) })
	}
	bound := map[string]bool{}
	for _, uid := range pairs {
		bound[uid] = true
	}
	a := left(m.live.widgets, func(uid string) bool { return pairs[uid] != "" })
	b := left(m.lost.widgets, func(uid string) bool { return bound[uid] })
	for live, uid := range pair(onlyOnes(a), onlyOnes(b), label) {
		pairs[live] = uid
	}
	for _, w := range m.live.widgets {
		if uid := pairs[w.uid]; uid != "" {
			out = append(out, platform.Binding{ID: asset.ID{Kind: kindWidget, UID: uid}, Server: server + "/" + m.live.d.widgets[w.uid]})
		}
	}
	return out
}

// label is what people know a widget by.
func label(w widget) string {
	return asset.Text(asset.Get(w.node, "name")) + "\x00" + asset.Text(asset.Get(w.node, "widget_type"))
}

// onlyOnes leaves out widgets that share their label with another.
func onlyOnes(ws []widget) []widget {
	n := map[string]int{}
	for _, w := range ws {
		n[label(w)]++
	}
	return slices.DeleteFunc(slices.Clone(ws), func(w widget) bool { return n[label(w)] > 1 })
}
