package superset

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// Import writes each asset by the import endpoint of its own kind, because that
// of a dashboard with overwrite=true answers 200 and leaves its charts, datasets
// and databases as they were (F1). Kinds go in dependency order; a dashboard is
// written after its charts have row ids, so that no reference to a row is stale
// (F12, F13). What an asset refers to travels along un-overwritten; it is taken
// from the server, where it must be: deps is not needed for it.
func (c *conn) Import(ctx context.Context, as []*asset.Asset, _ *asset.Set) []asset.Result {
	im := &importing{c: c, results: map[asset.ID]*asset.Result{}, jobs: map[asset.Kind][]*job{}, version: c.version(ctx), kinds: c.kinds(ctx)}
	for _, a := range as {
		im.results[a.ID] = &asset.Result{ID: a.ID}
	}
	if x, err := c.list(ctx, c.kinds(ctx)...); err != nil {
		im.failAll(err)
	} else {
		im.index = x
		im.kinds = slices.DeleteFunc(im.kinds, func(k asset.Kind) bool { _, denied := x.denied[k]; return denied })
		for _, a := range as {
			im.add(a)
		}
		for _, k := range im.kinds {
			im.kind(ctx, k)
		}
	}
	out := make([]asset.Result, len(as))
	for i, a := range as {
		r := im.results[a.ID]
		if e, ok := im.index.get(a.ID); ok {
			r.URL = e.info.URL
		}
		out[i] = *r
	}
	return out
}

// importing is one call of Import.
type importing struct {
	c       *conn
	index   *index // renewed after each kind
	version string
	kinds   []asset.Kind // of this connection
	results map[asset.ID]*asset.Result
	jobs    map[asset.Kind][]*job
	layers  map[string]string // annotation layers, when not read: uid to row; nil until asked for
	grants  map[target][]int  // permissions there are; nil until asked for
	roles   map[string]int    // row ids by name; nil until asked for

	askedAgain bool // for people, because one was not known
}

// job is one asset to be written.
type job struct {
	doc    *asset.Document
	path   string // in the repository, for messages
	title  string
	node   *yaml.Node            // what the server gets
	forms  map[string]string     // passwords and the like, by form field
	travel []string              // names of dependency files in the bundle
	put    map[string]any        // what the importer cannot take; sent to the asset itself
	again  bool                  // refers to a chart that this very import creates
	aside  map[string]*yaml.Node // as put, by field of the document

	existed bool   // on the server before this import
	before  *entry // as it was listed then; nil when it is new
	slug    string // to be given after the import (unseen)
}

func (j *job) id() asset.ID { return j.doc.ID() }

// name is the job's file in a bundle. Uuids never fall together (F8).
func (j *job) name() string { return fileName(j.id()) }

func fileName(id asset.ID) string { return traitOf(id.Kind).folder + "/" + id.UID + ".yaml" }

func (im *importing) add(a *asset.Asset) {
	doc, err := asset.ParseDocument(a.Path, a.Content)
	if err == nil && doc.ID() != a.ID {
		err = fmt.Errorf("%s: the document is %s, not %s", a.Path, doc.ID(), a.ID)
	}
	if err == nil && doc.Format != Format {
		err = fmt.Errorf("%s: the document says dashkeep: %s, this build writes %s", a.Path, doc.Format, Format)
	}
	if err == nil && !slices.Contains(im.kinds, doc.Kind) {
		err = fmt.Errorf("%s: %s are not written on this connection: %s", a.Path, doc.Kind.Plural(), im.whyNot(doc.Kind))
	}
	if err != nil {
		im.fail(a.ID, err)
		return
	}
	before, existed := im.index.get(a.ID)
	im.jobs[a.ID.Kind] = append(im.jobs[a.ID.Kind], &job{doc: doc, path: a.Path, title: doc.Title, existed: existed, before: before})
}

func (im *importing) fail(id asset.ID, err error) {
	if r := im.results[id]; r.Err == nil {
		r.Err = err
	}
}

func (im *importing) failAll(err error) {
	for id := range im.results {
		im.fail(id, err)
	}
}

// kind writes all jobs of a kind.
func (im *importing) kind(ctx context.Context, k asset.Kind) {
	jobs := im.jobs[k]
	if len(jobs) == 0 {
		return
	}
	if err := ctx.Err(); err != nil {
		for _, j := range jobs {
			im.fail(j.id(), fmt.Errorf("not written: %w", err))
		}
		return
	}
	im.write(ctx, k, jobs)
	again := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return !j.again || im.results[j.id()].Err != nil })
	im.write(ctx, k, again)
	switch k {
	case kindDatabase:
		im.finishTunnels(ctx, jobs)
	case kindChart:
		im.restoreLayers(ctx, jobs)
	case kindDashboard:
		im.settleLinks(ctx, jobs)
		im.settleSlugs(ctx, jobs)
	case kindSavedQuery:
		im.finishQueries(ctx, jobs)
	case kindTheme:
		im.finishThemes(ctx, jobs)
	}
	im.settleAccess(ctx, k, jobs)
}

// write prepares and sends jobs, and lists the kind again for the row ids of what
// is new.
func (im *importing) write(ctx context.Context, k asset.Kind, jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	var ready []*job
	rest := &companions{files: map[string]*yaml.Node{}}
	if err := im.gather(ctx, k, jobs, rest); err != nil {
		for _, j := range jobs {
			im.fail(j.id(), err)
		}
		return
	}
	for _, j := range jobs {
		if err := im.prepare(ctx, j, rest); err != nil {
			im.fail(j.id(), fmt.Errorf("%s: %w", j.path, err))
			continue
		}
		ready = append(ready, j)
	}
	if isRecord(k) {
		im.sendRecords(ctx, k, ready)
	} else {
		for _, group := range groups(k, ready) {
			for part := range slices.Chunk(group, batchSize(k)) {
				im.send(ctx, k, part, rest)
			}
		}
	}
	if !im.relist(ctx, k, ready) {
		return
	}
	for _, j := range ready {
		if _, ok := im.index.get(j.id()); !ok {
			im.fail(j.id(), errors.New("the server answered OK and did not take it"))
		}
	}
}

// relist renews the index after something of a kind was written.
func (im *importing) relist(ctx context.Context, k asset.Kind, wrote []*job) bool {
	x, err := im.c.list(ctx, k)
	if err != nil {
		for _, j := range wrote {
			im.fail(j.id(), fmt.Errorf("written, but the list could not be read afterwards: %w", err))
		}
		return false
	}
	im.index = x
	return true
}

func (im *importing) whyNot(k asset.Kind) string {
	if denied, ok := im.index.denied[k]; ok {
		return denied.Why
	}
	return im.c.whyNot(im.version, k)
}

// batchSize: databases one by one, since each may wait for its warehouse (F17);
// dashboards in fewer than the charts they bring along.
func batchSize(k asset.Kind) int {
	switch k {
	case kindDatabase:
		return 1
	case kindDashboard:
		return 20
	}
	return 50
}

// prepare makes the file the server gets.
func (im *importing) prepare(ctx context.Context, j *job, rest *companions) error {
	_, exists := im.index.get(j.id())
	if err := im.clash(j); err != nil {
		return err
	}
	if err := im.unseen(ctx, j); err != nil {
		return err
	}
	if err := im.movable(ctx, j); err != nil {
		return err
	}
	doc := *j.doc
	doc.Spec = asset.Clone(doc.Spec)
	dropped := normalize.DropUnknown(&doc, Rules().Kinds[doc.Kind], im.version)
	revealed, err := im.reveal(ctx, &doc, exists)
	if err != nil {
		return err
	}
	if doc.Kind == kindDatabase {
		if err := im.settleTunnel(ctx, j, doc.Spec, revealed.keepsTunnel); err != nil {
			return err
		}
	}
	travels := im.companionsOf(j, rest)
	node, omitted, err := normalize.Denormalize(&doc, Rules().Kinds[doc.Kind], normalize.Server{Version: im.version, Row: im.rows(ctx, j, travels)})
	if err != nil {
		return err
	}
	omitted = slices.Concat(dropped, omitted, im.adapt(j, node, travels))
	if j.slug != "" {
		asset.Delete(node, "slug")
	}
	revealed.finish(node)
	if managed := asset.Get(doc.Access, keyManaged); managed != nil && hasAccess(doc.Kind, keyManaged) {
		asset.Put(node, asset.Clone(managed), keyManaged)
	}
	if at := leftMask(doc.Kind, node); at != "" {
		return fmt.Errorf("%s still holds a mask; nothing was written", at)
	}
	j.node, j.forms = node, revealed.forms
	j.aside = aside(node, doc.Kind, im.version)
	im.results[j.id()].Omitted = omitted
	return nil
}

// rows answers for row ids on this server. For references that the importer maps
// through the bundle, only what travels along counts; records have no bundle.
func (im *importing) rows(ctx context.Context, j *job, travels map[asset.ID]bool) func(asset.ID, normalize.Missing) (string, bool) {
	return func(id asset.ID, m normalize.Missing) (string, bool) {
		if id.Kind == annotationLayer && !im.lists(annotationLayer) {
			row, ok := im.layerRow(ctx, id.UID)
			return row, ok
		}
		if m == normalize.Omit && !travels[id] && !isRecord(j.doc.Kind) {
			return "", false
		}
		e, ok := im.index.get(id)
		if !ok {
			_, planned := im.results[id]
			j.again = j.again || (planned && id.Kind == j.doc.Kind)
			return "", false
		}
		return fmt.Sprint(e.row), true
	}
}
