package superset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// seenState is what asset.Seen.State holds.
type seenState struct {
	URL, User, Version string
	Kinds              map[asset.Kind]seenKind
	Parts              []asset.KindError `json:",omitempty"` // see account.parts
	Asked              bool              `json:",omitempty"` // whether Parts is known
	Public             []asset.Kind      `json:",omitempty"` // kinds that everybody was shown (public.go)
}

type seenKind struct {
	Newest time.Time // change time
	Ahead  bool      // it ran ahead of our clock
}

// seenRow is what asset.Seen.Marks holds of an asset. Print "" equals nothing.
// Since, when not 0, is the second in which the row was first seen like this while
// an edit could still leave it like this.
type seenRow struct {
	row   int
	print string
	since int64
}

func (s seenRow) String() string {
	return fmt.Sprintf("%d %s %d", s.row, strconv.Quote(s.print), s.since)
}

func parseSeenRow(mark string) (s seenRow, ok bool) {
	n, err := fmt.Sscanf(mark, "%d %q %d", &s.row, &s.print, &s.since)
	return s, err == nil && n == 3
}

// printOf is short for everything that a list shows of a row. The order of
// owners, tags and dashboards is the database's whim.
func printOf(r row) string {
	r.Owners = slices.Clone(r.Owners)
	slices.SortFunc(r.Owners, func(a, b person) int { return cmp.Compare(a.ID, b.ID) })
	r.Tags = slices.Clone(r.Tags)
	slices.SortFunc(r.Tags, func(a, b tag) int { return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Type, b.Type)) })
	r.Roles = slices.Clone(r.Roles)
	slices.SortFunc(r.Roles, func(a, b named) int { return cmp.Compare(a.ID, b.ID) })
	r.Dashboards = slices.Clone(r.Dashboards)
	slices.SortFunc(r.Dashboards, func(a, b numbered) int { return cmp.Compare(a.ID, b.ID) })
	var shown any = r
	if r.raw != nil {
		shown = printRecord(r.raw)
	}
	data, err := json.Marshal(shown)
	if err != nil {
		return "" // equals nothing
	}
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// export reads ids by what the question has shown.
func (l *look) export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return documents(ctx, false, func() (*reading, error) {
		r := l.c.newReading(ids)
		r.index = l.indexNow(ctx)
		r.shownAll = l.shownAll
		r.kept = l.kept
		r.relist = func(ctx context.Context, k asset.Kind) (*index, error) { return l.withNewest(ctx, r.index, k) }
		return r, r.some(ctx)
	})
}

// shownAll reports whether the account is shown all of a kind: it was when rights
// were last asked for, and nothing that was shown then is missing now.
func (l *look) shownAll(k asset.Kind) bool {
	for id := range l.known {
		if _, there := l.marks[id]; !there {
			return false
		}
	}
	return l.asked && !slices.ContainsFunc(l.parts, func(p asset.KindError) bool { return p.Kind == k })
}

// kept are the places that single requests tell of, of an asset that is read because
// something else changed: its own row is what it was. A dashboard may hold the one
// chart that was edited, and so may hundreds.
func (l *look) kept(id asset.ID) []string {
	if _, known := l.known[id]; !known || l.moved[id] {
		return nil
	}
	return detailsOf(id.Kind)
}

// withNewest is the index with the rows of a kind that were made since: they are
// on page one.
func (l *look) withNewest(ctx context.Context, x *index, k asset.Kind) (*index, error) {
	h, err := l.c.head(ctx, k)
	if err != nil {
		return nil, err
	}
	if err := h.name(ctx, l.c, k); err != nil {
		return nil, err
	}
	next := x.with(x.byID)
	next.byRow = maps.Clone(x.byRow)
	next.byRow[k] = maps.Clone(x.byRow[k])
	for _, r := range h.Rows {
		next.byRow[k][strconv.Itoa(r.ID)] = r.UUID
	}
	return next, nil
}

// indexNow is an index of everything that is known, with what was not looked at
// known by row and uid only.
func (l *look) indexNow(ctx context.Context) *index {
	l.c.mu.Lock()
	for _, rows := range l.rows {
		for _, r := range rows {
			if _, known := l.c.people[r.ChangedBy.ID]; !known && r.ChangedBy.ID != 0 && len(l.c.people) > 0 {
				l.c.asked = false // somebody new
			}
		}
	}
	l.c.index = nil // it knows less by now
	l.c.mu.Unlock()
	l.c.askPeople(ctx)
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	x := &index{at: l.began, byID: map[asset.ID]*entry{}, byRow: map[asset.Kind]map[string]string{}, denied: l.denied}
	for _, k := range l.kinds {
		x.byRow[k] = map[string]string{}
	}
	for id, r := range l.marks {
		x.byID[id] = &entry{row: r.row, info: asset.Info{ID: id}}
		x.byRow[id.Kind][strconv.Itoa(r.row)] = id.UID
	}
	for k, rows := range l.rows {
		for _, r := range peoples(rows) {
			e := l.c.entryOf(k, r)
			x.byID[e.info.ID] = e
		}
	}
	return x
}

// seen is what to ask with after a reading of what changed.
func (l *look) seen() *asset.Seen { return l.remember(l.marks) }

// exportAll reads everything, and keeps the list that the reading went by.
func (l *look) exportAll(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return documents(ctx, ids == nil, func() (*reading, error) {
		r, err := l.c.read(ctx, ids)
		if err == nil {
			l.index, l.parts, l.asked = r.index, r.parts, r.asked
		}
		return r, err
	})
}

// seenAll is what to ask with after a reading of everything. The list was read
// beside the export, so a row is only known to be what was exported when the
// question before had shown it as it is, or when it is older than that page.
func (l *look) seenAll() *asset.Seen {
	marks := map[asset.ID]seenRow{}
	if l.index != nil {
		for id, e := range l.index.byID {
			if h := l.heads[id.Kind]; h != nil {
				marks[id] = l.asExported(h, id, e)
			}
		}
	}
	return l.remember(marks)
}

func (l *look) asExported(h *head, id asset.ID, e *entry) seenRow {
	s, t := seenRow{row: e.row}, e.info.UpdatedAt
	r, shown := h.byRow[e.row]
	if traitOf(id.Kind).nameless { // which the head of a first look need not know
		r.UUID = id.UID
	}
	switch {
	case isRecord(id.Kind): // was read after the list, or from it
		s.print = e.print
	case shown && r.UUID == id.UID && printOf(r) == e.print:
		s.print = e.print
		if !traitOf(id.Kind).listsWhole() && repeats(t, h.newest) {
			s.since = l.began.Unix()
		}
	case !shown && !h.whole && !t.IsZero() && t.Before(h.oldest):
		s.print = e.print
	}
	return s
}

func (l *look) remember(marks map[asset.ID]seenRow) *asset.Seen {
	state := seenState{URL: l.c.http.BaseURL(), User: l.c.auth.cfg.Username, Version: l.version, Kinds: map[asset.Kind]seenKind{}, Parts: l.parts, Asked: l.asked, Public: l.c.publicKinds()}
	for k, h := range l.heads {
		if l.index != nil && l.refuses(k) {
			continue // what was asked before the list told what is wrong
		}
		state.Kinds[k] = seenKind{Newest: h.newest, Ahead: h.newest.After(l.began.Add(ahead))}
	}
	data, err := json.Marshal(state)
	if err != nil {
		return nil
	}
	out := &asset.Seen{State: string(data), Marks: make(map[asset.ID]string, len(marks))}
	for id, m := range marks {
		out.Marks[id] = m.String()
	}
	return out
}
