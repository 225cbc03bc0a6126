package superset

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// uiPage is a page of Superset that has an Import button.
type uiPage struct {
	kind asset.Kind
	name string
}

// uiPages lists them, the one that takes most first: an import of dashboards also
// brings the charts, datasets, databases and themes that they use, and nothing
// else (commands/dashboard/importers/v1/__init__.py, 4.1.4 to 6.1.0).
func uiPages() []uiPage {
	return []uiPage{
		{kindDashboard, "Dashboards"}, {kindChart, "Charts"}, {kindDataset, "Datasets"},
		{kindDatabase, "Settings > Database Connections"}, {kindSavedQuery, "SQL > Saved Queries"}, {kindTheme, "Settings > Themes"},
	}
}

// bundle writes what the Import button takes. Superset maps the row ids in a
// bundle by the uuids beside them, so the numbers only have to agree with each
// other; the places that no import maps (F13) stay stale, as in Superset's own
// exports.
func bundle(want []*asset.Asset, known *asset.Set, version string) (*platform.Bundle, error) {
	page, ok := pageFor(want)
	if !ok {
		return nil, fmt.Errorf("nothing of what is selected can be imported on a page of Superset; it takes %v", pageKinds())
	}
	b := &bundling{known: known, version: version, jobs: map[asset.ID]*job{}, rows: map[asset.ID]string{},
		out: &platform.Bundle{Page: page.name}}
	for _, a := range want {
		if a.ID.Kind != page.kind {
			continue
		}
		if err := b.add(a.ID); err != nil {
			b.leave(a.ID, "", err.Error())
		}
	}
	if len(b.jobs) == 0 {
		return b.out, nil
	}
	for _, a := range want {
		_, in := b.jobs[a.ID]
		switch {
		case in, b.isLeft(a.ID):
		case isRecord(a.ID.Kind):
			b.leave(a.ID, "", "no page of Superset imports it")
		default:
			b.leave(a.ID, "", fmt.Sprintf("nothing on the page %s uses it; make a bundle of its own: --select kind:%s", page.name, a.ID.Kind))
		}
	}
	return b.out, b.write(page.kind)
}

// pageFor is the page that takes the topmost kind of the wanted assets.
func pageFor(want []*asset.Asset) (uiPage, bool) {
	for _, p := range uiPages() {
		if slices.ContainsFunc(want, func(a *asset.Asset) bool { return a.ID.Kind == p.kind }) {
			return p, true
		}
	}
	return uiPage{}, false
}

func pageKinds() []asset.Kind {
	var ks []asset.Kind
	for _, p := range uiPages() {
		ks = append(ks, p.kind)
	}
	return ks
}

// bundling is one bundle under way.
type bundling struct {
	known   *asset.Set
	version string
	jobs    map[asset.ID]*job
	rows    map[asset.ID]string // numbers within the bundle
	out     *platform.Bundle
}

func (b *bundling) leave(id asset.ID, path, text string) {
	b.out.Left = append(b.out.Left, asset.Note{ID: id, Path: path, Text: text})
}

func (b *bundling) isLeft(id asset.ID) bool {
	return slices.ContainsFunc(b.out.Left, func(n asset.Note) bool { return n.ID == id && n.Path == "" })
}

// add takes in an asset with what it uses. What it cannot do without and is not
// there makes it stay out.
func (b *bundling) add(id asset.ID) error {
	if b.jobs[id] != nil {
		return nil
	}
	if lacksKind(id.Kind, b.version) {
		return fmt.Errorf("Superset %s has no %s; they came with %s", b.version, id.Kind.Plural(), traitOf(id.Kind).since)
	}
	a := b.known.Get(id)
	if a == nil {
		return fmt.Errorf("%s is not in Git", id)
	}
	doc, err := asset.ParseDocument(a.Path, a.Content)
	if err != nil {
		return err
	}
	if id.Kind == kindDashboard && !asset.IsMap(asset.Get(doc.Spec, "position")) {
		return fmt.Errorf("it has no position: Superset cannot import a dashboard without a layout")
	}
	for _, need := range required(doc) {
		if err := b.add(need); err != nil {
			return fmt.Errorf("its %s is not in the bundle: %w", need.Kind, err)
		}
	}
	b.jobs[id] = &job{doc: doc, path: a.Path, title: doc.Title}
	b.rows[id] = strconv.Itoa(len(b.rows) + 1)
	for _, uses := range used(doc) {
		if err := b.add(uses); err != nil && !b.isLeft(uses) && !asset.IsMissing(asset.Ref(uses)) {
			b.leave(uses, "", err.Error())
		}
	}
	return nil
}

// required is what an import of the asset fails without.
func required(doc *asset.Document) []asset.ID {
	fields := map[asset.Kind]asset.ID{
		kindDataset:    {Kind: kindDatabase, UID: asset.Text(asset.Get(doc.Spec, "database_uuid"))},
		kindChart:      {Kind: kindDataset, UID: asset.Text(asset.Get(doc.Spec, "dataset_uuid"))},
		kindSavedQuery: {Kind: kindDatabase, UID: asset.Text(asset.Get(doc.Spec, "database_uuid"))},
	}
	if id, ok := fields[doc.Kind]; ok {
		return []asset.ID{id}
	}
	return nil
}

// used is what an asset can do without.
func used(doc *asset.Document) []asset.ID {
	if doc.Kind != kindDashboard {
		return nil
	}
	var ids []asset.ID
	for _, uid := range chartsOf(doc.Spec) {
		ids = append(ids, asset.ID{Kind: kindChart, UID: uid})
	}
	for _, uid := range filterDatasets(doc.Spec) {
		ids = append(ids, asset.ID{Kind: kindDataset, UID: uid})
	}
	if uid := asset.Text(asset.Get(doc.Spec, "theme_uuid")); uid != "" {
		ids = append(ids, asset.ID{Kind: kindTheme, UID: uid})
	}
	return ids
}

func (b *bundling) write(top asset.Kind) error {
	there := map[asset.ID]bool{}
	for id := range b.jobs {
		there[id] = true
	}
	var jobs []*job
	for _, id := range slices.SortedFunc(maps.Keys(b.jobs), asset.ID.Compare) {
		j := b.jobs[id]
		if err := b.prepare(j, there); err != nil {
			return fmt.Errorf("%s: %w", j.path, err)
		}
		jobs = append(jobs, j)
		b.out.Holds = append(b.out.Holds, id)
	}
	data, err := pack(top, jobs, &companions{files: map[string]*yaml.Node{}}, zipLimits{file: superZip().file, total: math.MaxInt, ratio: superZip().ratio})
	b.out.Data = data
	return err
}

// prepare makes the document as an export would hold it.
func (b *bundling) prepare(j *job, there map[asset.ID]bool) error {
	doc := *j.doc
	doc.Spec = asset.Clone(doc.Spec)
	rules := Rules().Kinds[doc.Kind]
	dropped := normalize.DropUnknown(&doc, rules, b.version)
	row := func(id asset.ID, _ normalize.Missing) (string, bool) {
		n, ok := b.rows[id]
		return n, ok
	}
	node, omitted, err := normalize.Denormalize(&doc, rules, normalize.Server{Version: b.version, Row: row})
	if err != nil {
		return err
	}
	b.out.Left = append(b.out.Left, slices.Concat(dropped, omitted, new(importing).adapt(j, node, there))...)
	for _, p := range maskedPlaces(doc.Kind, node) {
		switch {
		case p.is("sqlalchemy_uri") && leftMask(doc.Kind, node) == "", p.keys[0] == "ssh_tunnel":
			// Superset's page asks for these passwords
		default:
			b.leave(doc.ID(), asset.Pointer(append([]string{"spec"}, p.keys...)...), "it holds a mask instead of a secret; set it in Superset after the import of a new connection (an existing one is left as it is)")
		}
	}
	for _, f := range slices.Sorted(maps.Keys(aside(node, doc.Kind, b.version))) {
		if asset.Get(j.doc.Spec, f) != nil {
			b.leave(doc.ID(), asset.Pointer("spec", f), "Superset's import does not take it")
		}
	}
	b.addAccess(doc.Access, node)
	j.node = node
	return nil
}

// addAccess puts in what an import takes of the access section: tags, from 6.0.0 on
// and where the server has the feature, and the managed flag. Owners, roles and
// embedding are in no archive of Superset's.
func (b *bundling) addAccess(access, node *yaml.Node) {
	for _, key := range []string{keyTags, keyManaged} {
		v := asset.Get(access, key)
		if v != nil && (key != keyTags || len(v.Content) > 0 && !normalize.Older(b.version, "6.0.0")) {
			asset.Put(node, asset.Clone(v), key)
		}
	}
}
