package superset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// reading is one export under way.
type reading struct {
	c        *conn
	index    *index
	ids      []asset.ID // asked for, in order
	docs     map[asset.ID]document
	fails    map[asset.ID]error
	stray    []error           // documents that have no name
	layers   map[string]string // annotation layers by row, when their kind is not read
	deleted  map[asset.ID]bool
	relist   func(context.Context, asset.Kind) (*index, error)
	parts    []asset.KindError              // kinds of which the account is shown a part; asked for by a reading of everything
	asked    bool                           // whether parts is known
	shownAll func(asset.Kind) bool          // whether the account is shown all of a kind, as far as is known without asking; nil for not
	denied   map[asset.Kind]asset.KindError // kinds that the account may list and not export
	whole    bool                           // the export of everything was asked for
	inRow    int                            // single exports that failed in a row
	last     error                          // of these
	aged     bool                           // the index was made before this reading
	people   map[int]asset.Person
	details  map[asset.ID]*yaml.Node // what the access section has from no list
	kept     func(asset.ID) []string // of these, what is not asked for; nil for nothing
}

func (c *conn) newReading(ids []asset.ID) *reading {
	relist := func(ctx context.Context, k asset.Kind) (*index, error) { return c.list(ctx, k) }
	return &reading{c: c, relist: relist, docs: map[asset.ID]document{}, fails: map[asset.ID]error{}, deleted: map[asset.ID]bool{}, denied: map[asset.Kind]asset.KindError{}, ids: distinct(ids)}
}

// distinct is ids in their order, each once: a document is given away but once
// (asset.Raw.Given).
func distinct(ids []asset.ID) []asset.ID {
	seen := make(map[asset.ID]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id asset.ID) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
}

func (c *conn) read(ctx context.Context, ids []asset.ID) (*reading, error) {
	r := c.newReading(ids)
	c.mu.Lock()
	if c.index != nil && c.now().Sub(c.index.at) < fresh {
		r.index, r.aged = c.index, true
	}
	c.mu.Unlock()
	if ids == nil {
		return r, r.all(ctx)
	}
	if err := r.renewRecords(ctx); err != nil {
		return nil, err
	}
	return r, r.some(ctx)
}

// renewRecords lists anew the kinds of wanted records: their lists are a part of
// their content.
func (r *reading) renewRecords(ctx context.Context) (err error) {
	var kinds []asset.Kind
	for _, id := range r.ids {
		if isRecord(id.Kind) && !slices.Contains(kinds, id.Kind) && slices.Contains(r.c.kinds(ctx), id.Kind) {
			kinds = append(kinds, id.Kind)
		}
	}
	if r.index != nil && len(kinds) > 0 {
		r.index, err = r.c.list(ctx, kinds...)
	}
	return err
}

// all reads everything by one request, with the lists beside it.
func (r *reading) all(ctx context.Context) error {
	r.whole = true
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { // anew each time: it says who changed what
		r.index, err = r.c.listAll(gctx)
		return err
	})
	var whole error
	g.Go(func() error {
		docs, err := r.c.download(gctx, "/api/v1/assets/export/", "")
		if whole = err; splits(err) {
			err = nil // read kind by kind instead: one bad asset fails the whole request
		}
		r.take(docs, nil)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	maps.DeleteFunc(r.docs, func(id asset.ID, _ document) bool {
		_, denied := r.index.denied[id.Kind]
		return denied
	})
	if err := r.listAgainFor(ctx); err != nil {
		return err
	}
	r.ids = r.index.ids()
	if whole != nil {
		r.c.log.WarnContext(ctx, "the export of everything failed; reading kind by kind", "instance", r.c.instance, "error", whole.Error())
	}
	if err := r.complete(ctx); err != nil {
		return err
	}
	r.leave()
	r.parts, r.asked = r.c.partsOf(ctx)
	return nil
}

// leave takes out what is no longer asked for: what was deleted meanwhile, and
// kinds that may not be exported.
func (r *reading) leave() {
	r.ids = slices.DeleteFunc(slices.Clone(r.ids), func(id asset.ID) bool {
		_, denied := r.denied[id.Kind]
		return r.deleted[id] || denied
	})
}

// some reads the wanted ids.
func (r *reading) some(ctx context.Context) error {
	unknown := r.index == nil || slices.ContainsFunc(r.ids, func(id asset.ID) bool { return r.index.byID[id] == nil })
	if unknown {
		var err error
		if r.index, err = r.c.list(ctx, r.c.kinds(ctx)...); err != nil {
			return err
		}
		r.aged = false
	}
	if r.worthWhole() {
		if err := r.takeWhole(ctx); err != nil {
			return err
		}
	}
	if err := r.complete(ctx); err != nil {
		return err
	}
	r.leave()
	return nil
}

// worthWhole reports whether so much is wanted of what exports hold that the
// export of everything is cheaper.
func (r *reading) worthWhole() bool {
	wanted, there := 0, 0
	for _, id := range r.ids {
		if !isRecord(id.Kind) {
			wanted++
		}
	}
	if wanted <= chunk {
		return false
	}
	for id := range r.index.byID {
		if !isRecord(id.Kind) {
			there++
		}
	}
	return float64(wanted) > most*float64(there)
}

// takeWhole keeps what is wanted of the export of everything.
func (r *reading) takeWhole(ctx context.Context) error {
	r.whole = true
	docs, err := r.c.download(ctx, "/api/v1/assets/export/", "")
	if err != nil && !splits(err) {
		return err
	}
	r.take(docs, r.ids)
	return nil
}

// complete asks for what is wanted and not there yet: in chunks, then one by one.
func (r *reading) complete(ctx context.Context) error {
	for _, size := range []int{chunk, 1} {
		for _, k := range r.c.kinds(ctx) {
			var rows []int
			for _, id := range r.ids {
				_, denied := r.denied[k]
				if _, have := r.docs[id]; !have && !denied && id.Kind == k && r.index.byID[id] != nil && r.fails[id] == nil {
					rows = append(rows, r.index.byID[id].row)
				}
			}
			for part := range slices.Chunk(rows, size) {
				if err := r.fetch(ctx, k, part); err != nil {
					return err
				}
			}
		}
	}
	for _, k := range r.c.kinds(ctx) {
		if more := traitOf(k).complete; more != nil && len(r.readOf(k)) > 0 {
			if err := more(ctx, r); err != nil {
				return err
			}
		}
	}
	if err := r.gone(ctx); err != nil {
		return err
	}
	r.findLayers(ctx)
	return r.sidecar(ctx)
}

// readOf lists what was read of a kind.
func (r *reading) readOf(k asset.Kind) []asset.ID {
	var ids []asset.ID
	for id, d := range r.docs {
		if id.Kind == k && d.err == nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, asset.ID.Compare)
	return ids
}

// listed gives what the list shows of assets that were read, from this reading's own
// list or, where that is older or has not looked at one, anew.
func (r *reading) listed(ctx context.Context, k asset.Kind, ids []asset.ID) (map[asset.ID]*entry, error) {
	x := r.index
	if r.aged || slices.ContainsFunc(ids, func(id asset.ID) bool { e, ok := x.get(id); return !ok || e.print == "" }) {
		var err error
		if x, err = r.c.list(ctx, k); err != nil {
			return nil, err
		}
	}
	return x.byID, nil
}

// fetch exports rows of a kind. One bad id spoils the whole answer (404 for all,
// measured), so a refused request is split until the bad one stands alone.
func (r *reading) fetch(ctx context.Context, k asset.Kind, rows []int) error {
	if r.inRow >= hopeless {
		return fmt.Errorf("%d exports in a row failed, the last: %w", r.inRow, r.last)
	}
	docs, err := r.documentsOf(ctx, k, rows)
	switch {
	case err == nil:
		r.take(docs, r.ids)
		r.inRow = 0
		return nil
	case isDenied(err) && r.ids != nil:
		return r.forbidden(ctx, k, rows, err)
	case !splits(err):
		return err
	case len(rows) > 1:
		half := len(rows) / 2
		if err := r.fetch(ctx, k, rows[:half]); err != nil {
			return err
		}
		return r.fetch(ctx, k, rows[half:])
	}
	r.inRow, r.last = r.inRow+1, err
	if uid, ok := r.index.byRow[k][strconv.Itoa(rows[0])]; ok {
		r.fails[asset.ID{Kind: k, UID: uid}] = err
	}
	return nil
}

// documentsOf asks for rows of a kind, by the export that holds it or one by one.
func (r *reading) documentsOf(ctx context.Context, k asset.Kind, rows []int) ([]document, error) {
	if !isRecord(k) {
		return r.c.exportRows(ctx, k, rows)
	}
	var entries []*entry
	for _, row := range rows {
		if uid, ok := r.index.byRow[k][strconv.Itoa(row)]; ok {
			entries = append(entries, r.index.byID[asset.ID{Kind: k, UID: uid}])
		}
	}
	return r.c.records(ctx, k, entries)
}

// gone lists again when something listed did not come: what was deleted
// meanwhile is no failure of a reading of everything, and gets a plain reason in
// one by id.
func (r *reading) gone(ctx context.Context) error {
	missing := func(id asset.ID) bool { _, have := r.docs[id]; return !have }
	if !slices.ContainsFunc(r.ids, missing) {
		return nil
	}
	x, err := r.c.list(ctx, r.c.kinds(ctx)...)
	if err != nil {
		return err
	}
	for _, id := range r.ids {
		denied, refused := x.denied[id.Kind]
		_, still := x.byID[id]
		switch {
		case still || !missing(id):
		case refused:
			r.fails[id] = errors.New(denied.Why)
		default:
			r.fails[id], r.deleted[id] = errors.New("it is not on the server"), true
		}
	}
	return nil
}

// listAgainFor lists again when the export holds what the list does not.
func (r *reading) listAgainFor(ctx context.Context) error {
	for id := range r.docs {
		if r.index.byID[id] == nil {
			x, err := r.c.list(ctx, r.c.kinds(ctx)...)
			if err != nil {
				return err
			}
			r.index = x
			return nil
		}
	}
	return nil
}

// take keeps the documents of the wanted ids, nil for all, the first of each.
func (r *reading) take(docs []document, ids []asset.ID) {
	want := map[asset.ID]bool{}
	for _, id := range ids {
		want[id] = true
	}
	for _, d := range docs {
		_, have := r.docs[d.id]
		switch {
		case d.id.UID == "":
			r.stray = append(r.stray, d.err)
		case !have && slices.Contains(r.c.chosen, d.id.Kind) && (ids == nil || want[d.id]):
			r.docs[d.id] = d
		}
	}
}

func (r *reading) info(id asset.ID) asset.Info {
	if e, ok := r.index.get(id); ok {
		return e.info
	}
	return asset.Info{ID: id}
}

func (r *reading) failure(id asset.ID) error {
	if d, ok := r.docs[id]; ok {
		return d.err
	}
	if err := r.fails[id]; err != nil {
		return err
	}
	return errors.Join(append([]error{errors.New("the server lists it, but its exports do not hold it; a name like another asset's can be the cause")}, r.stray...)...)
}

// lookup answers for rows by the list this reading used. A row newer than all of
// that list makes it list again, once: what was made meanwhile is not missing.
// Documents are made canonical several at a time, while the export goes on.
func (r *reading) lookup(ctx context.Context) asset.Lookup {
	var mu sync.Mutex
	rows, relisted := r.index, false
	return func(k asset.Kind, row string) (string, bool) {
		if k == annotationLayer && r.layers != nil {
			uid, ok := r.layers[row]
			return uid, ok
		}
		mu.Lock()
		defer mu.Unlock()
		if uid, ok := rows.byRow[k][row]; ok {
			return uid, rows.tells(k, uid)
		}
		if relisted || !rows.newer(k, row) {
			return "", false
		}
		relisted = true
		x, err := r.relist(ctx, k)
		if err != nil {
			return "", false
		}
		rows = x
		uid, ok := x.byRow[k][row]
		return uid, ok && rows.tells(k, uid)
	}
}
