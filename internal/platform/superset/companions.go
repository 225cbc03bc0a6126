package superset

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// companions are the files that travel in a bundle because the importer wants to
// see what an asset refers to. They are the server's own documents, and without
// overwrite on their kind the importer returns what it has.
type companions struct {
	files map[string]*yaml.Node // by name in the bundle
}

func (c *companions) has(id asset.ID) bool { return c.files[fileName(id)] != nil }

// gather reads from the server what the jobs of a kind refer to.
func (im *importing) gather(ctx context.Context, k asset.Kind, jobs []*job, rest *companions) error {
	charts, datasets, themes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, j := range jobs {
		switch k {
		case kindDataset, kindSavedQuery:
			im.stub(asset.Text(asset.Get(j.doc.Spec, "database_uuid")), rest)
		case kindChart:
			datasets[asset.Text(asset.Get(j.doc.Spec, "dataset_uuid"))] = true
		case kindDashboard:
			for _, uid := range chartsOf(j.doc.Spec) {
				charts[uid] = true
			}
			for _, uid := range filterDatasets(j.doc.Spec) {
				datasets[uid] = true
			}
			themes[asset.Text(asset.Get(j.doc.Spec, "theme_uuid"))] = true
		}
	}
	if err := im.fetch(ctx, kindChart, charts, rest); err != nil {
		return err
	}
	for uid := range charts { // two of one name can fall together in the export of their charts (F8)
		if chart := rest.files[fileName(asset.ID{Kind: kindChart, UID: uid})]; chart != nil {
			datasets[asset.Text(asset.Get(chart, "dataset_uuid"))] = true
		}
	}
	if err := im.fetch(ctx, kindDataset, datasets, rest); err != nil {
		return err
	}
	return im.themes(ctx, themes, rest)
}

// fetch exports the wanted uids that are on the server and not gathered yet.
func (im *importing) fetch(ctx context.Context, k asset.Kind, uids map[string]bool, rest *companions) error {
	r := &reading{c: im.c, index: im.index, docs: map[asset.ID]document{}, fails: map[asset.ID]error{}, deleted: map[asset.ID]bool{}}
	for _, size := range []int{chunk, 1} { // one by one what fell together in the export (F8)
		var rows []int
		for _, uid := range slices.Sorted(maps.Keys(uids)) {
			id := asset.ID{Kind: k, UID: uid}
			_, have := r.docs[id]
			if e, ok := im.index.get(id); ok && !have && !rest.has(id) && r.fails[id] == nil {
				rows = append(rows, e.row)
			}
		}
		for part := range slices.Chunk(rows, size) {
			if err := r.fetch(ctx, k, part); err != nil {
				return fmt.Errorf("read what is referred to: %w", err)
			}
		}
	}
	for id, d := range r.docs {
		if d.err != nil {
			continue
		}
		switch id.Kind {
		case kindChart:
			// Without dataset the importer refuses it (F5), a filter_box it deletes.
			if asset.Text(asset.Get(d.node, "dataset_uuid")) == "" || asset.Text(asset.Get(d.node, "viz_type")) == "filter_box" {
				continue
			}
			asset.Delete(d.node, "tags") // they would be written (import_tag)
		case kindDataset:
			im.stub(asset.Text(asset.Get(d.node, "database_uuid")), rest)
		default:
			continue
		}
		rest.files[fileName(id)] = d.node
	}
	return nil
}

// stub stands for a database that is on the server. Its URI with a masked
// password is refused for a new connection, so that it can never become one.
func (im *importing) stub(uid string, rest *companions) {
	id := asset.ID{Kind: kindDatabase, UID: uid}
	e, ok := im.index.get(id)
	if !ok || rest.has(id) {
		return
	}
	rest.files[fileName(id)] = asset.Map("database_name", e.info.Title, "sqlalchemy_uri", "postgresql://dashkeep:XXXXXXXXXX@dashkeep.invalid/stub",
		"allow_csv_upload", false, "extra", asset.Map(), "uuid", uid, "version", "1.0.0")
}

// companionsOf names the files one job needs in its bundle, and tells which
// assets the importer will find there.
func (im *importing) companionsOf(j *job, rest *companions) map[asset.ID]bool {
	there := map[asset.ID]bool{}
	j.travel = nil
	var add func(id asset.ID)
	add = func(id asset.ID) {
		node := rest.files[fileName(id)]
		if node == nil || there[id] {
			return
		}
		there[id] = true
		j.travel = append(j.travel, fileName(id))
		for field, k := range map[string]asset.Kind{"dataset_uuid": kindDataset, "database_uuid": kindDatabase} {
			if uid := asset.Text(asset.Get(node, field)); uid != "" {
				add(asset.ID{Kind: k, UID: uid})
			}
		}
	}
	spec := j.doc.Spec
	switch j.doc.Kind {
	case kindDataset, kindSavedQuery:
		add(asset.ID{Kind: kindDatabase, UID: asset.Text(asset.Get(spec, "database_uuid"))})
	case kindChart:
		add(asset.ID{Kind: kindDataset, UID: asset.Text(asset.Get(spec, "dataset_uuid"))})
	case kindDashboard:
		for _, uid := range chartsOf(spec) {
			add(asset.ID{Kind: kindChart, UID: uid})
		}
		for _, uid := range filterDatasets(spec) {
			add(asset.ID{Kind: kindDataset, UID: uid})
		}
		add(asset.ID{Kind: kindTheme, UID: asset.Text(asset.Get(spec, "theme_uuid"))})
	}
	return there
}

// adapt takes out what the importer would stumble over, and says so. A missing
// required dependency is an error of the asset, found before anything is sent.
func (im *importing) adapt(j *job, node *yaml.Node, there map[asset.ID]bool) (omitted []asset.Note) {
	if j.doc.Kind != kindDashboard {
		return nil
	}
	for _, f := range items(asset.Get(node, "metadata", "native_filter_configuration")) {
		for _, t := range items(asset.Get(f, "targets")) {
			uid := asset.Text(asset.Get(t, "datasetUuid"))
			if uid == "" || there[asset.ID{Kind: kindDataset, UID: uid}] {
				continue
			}
			asset.Delete(t, "datasetUuid")
			omitted = append(omitted, asset.Note{ID: j.id(), Path: asset.Pointer("spec", "metadata", "native_filter_configuration", "id="+asset.ElementID(f, "id"), "targets"),
				Text: "dataset " + uid + " is not on the server: the filter has lost its column"})
		}
	}
	if uid := asset.Text(asset.Get(node, "theme_uuid")); uid != "" && !there[asset.ID{Kind: kindTheme, UID: uid}] {
		omitted = append(omitted, asset.Note{ID: j.id(), Path: "/spec/theme_uuid", Text: "theme " + uid + " is not on the server"})
	}
	return omitted
}

func chartsOf(dashboard *yaml.Node) []string {
	var out []string
	for _, n := range asset.Each(asset.Get(dashboard, "position")) {
		if uid := asset.Text(asset.Get(n, "meta", "uuid")); uid != "" && asset.Text(asset.Get(n, "type")) == "CHART" {
			out = append(out, uid)
		}
	}
	return out
}

func filterDatasets(dashboard *yaml.Node) []string {
	var out []string
	for _, f := range items(asset.Get(dashboard, "metadata", "native_filter_configuration")) {
		for _, t := range items(asset.Get(f, "targets")) {
			if uid := asset.Text(asset.Get(t, "datasetUuid")); uid != "" {
				out = append(out, uid)
			}
		}
	}
	return out
}
