package superset

import (
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

var lostDataset = regexp.MustCompile(`^(\d+)__table$`)

// brokenDatasource drops params.datasource, which the importer writes from
// dataset_uuid. A chart whose dataset is gone is exported without dataset_uuid
// (F5); there the row stays visible as a missing reference.
func brokenDatasource() *normalize.Hook {
	return &normalize.Hook{Canonical: func(d *normalize.Doc) error {
		source := asset.Text(asset.Get(d.Root, "params", "datasource"))
		if asset.Text(asset.Get(d.Root, "dataset_uuid")) != "" {
			asset.Delete(d.Root, "params", "datasource")
			return nil
		}
		if m := lostDataset.FindStringSubmatch(source); d.Live && m != nil {
			ref := asset.TextPart{Ref: asset.MissingRef(kindDataset, m[1])}
			asset.Put(d.Root, asset.Str(asset.JoinText(ref, asset.TextPart{Text: "__table"})), "params", "datasource")
			d.Note("/params/datasource", "the chart's dataset was deleted; Superset refuses to import this chart until it has one")
		}
		return nil
	}}
}

// vizType drops params.viz_type where it repeats viz_type.
func vizType() *normalize.Hook {
	return &normalize.Hook{
		Canonical: func(d *normalize.Doc) error {
			if v := asset.Get(d.Root, "params", "viz_type"); v != nil && asset.Equal(v, asset.Get(d.Root, "viz_type")) {
				asset.Delete(d.Root, "params", "viz_type")
			}
			return nil
		},
		Back: func(b *normalize.Back) error {
			params, v := asset.Get(b.Root, "params"), asset.Get(b.Root, "viz_type")
			if asset.IsMap(params) && v != nil && asset.Get(params, "viz_type") == nil {
				asset.Put(params, asset.Clone(v), "viz_type")
			}
			return nil
		},
	}
}

// lacks lists the params that query_context.form_data does not repeat.
const lacks = "form_data_lacks"

// formData keeps of query_context.form_data, a second copy of params, only what
// differs, and the names of what it lacks.
func formData() *normalize.Hook {
	return &normalize.Hook{
		Canonical: func(d *normalize.Doc) error {
			context := asset.Get(d.Root, "query_context")
			form, params := asset.Get(context, "form_data"), asset.Get(d.Root, "params")
			if !asset.IsMap(form) || !asset.IsMap(params) {
				return nil
			}
			missing := lacking(d, context, form, params)
			for _, k := range mapKeys(form) {
				v := asset.Get(params, k)
				if v == nil && k == "viz_type" {
					v = asset.Get(d.Root, "viz_type")
				}
				if v != nil && asset.Equal(v, asset.Get(form, k)) {
					asset.Delete(form, k)
				}
			}
			asset.Delete(context, lacks)
			if len(missing) > 0 {
				list := asset.Seq()
				for _, k := range missing {
					list.Content = append(list.Content, asset.Str(k))
				}
				asset.Put(context, list, lacks)
			}
			return nil
		},
		Back: func(b *normalize.Back) error {
			context := asset.Get(b.Root, "query_context")
			form, params := asset.Get(context, "form_data"), asset.Get(b.Root, "params")
			if !asset.IsMap(form) || !asset.IsMap(params) {
				return nil
			}
			full := asset.Clone(params)
			for _, n := range items(asset.Get(context, lacks)) {
				asset.Delete(full, n.Value)
			}
			for k, v := range asset.Each(form) {
				asset.Put(full, v, k)
			}
			asset.Put(context, full, "form_data")
			asset.Delete(context, lacks)
			return nil
		},
	}
}

func lacking(d *normalize.Doc, context, form, params *yaml.Node) []string {
	var out []string
	if d.Live {
		out = mapKeys(params)
	} else {
		for _, n := range items(asset.Get(context, lacks)) {
			if asset.Get(params, n.Value) != nil || n.Value == "viz_type" {
				out = append(out, n.Value)
			}
		}
	}
	out = slices.DeleteFunc(out, func(k string) bool { return asset.Get(form, k) != nil })
	slices.Sort(out)
	return slices.Compact(out)
}

// layerRefs turns the row ids in annotation layers into references: of sourceType
// NATIVE they name an annotation layer, of "line" and "table" a chart
// (annotation layer control of Superset's chart editor; F12).
func layerRefs() *normalize.Hook {
	return &normalize.Hook{
		Canonical: func(d *normalize.Doc) error {
			for _, l := range layers(d.Root) {
				k, v := layerKind(l), asset.Get(l, "value")
				switch {
				case k == "" || v == nil:
				case d.Live && v.Tag == asset.TagInt:
					*v = *asset.Str(d.Refer(k, v.Value, "/params/annotation_layers", false))
				case !d.Live:
					if id, ok := asset.ParseRef(asset.Text(v)); ok {
						d.Depend(id)
					}
				}
			}
			return nil
		},
		Back: func(b *normalize.Back) error {
			for _, l := range layers(b.Root) {
				v := asset.Get(l, "value")
				if layerKind(l) == "" || v == nil {
					continue
				}
				row, isRef, ok := b.Row(asset.Text(v), normalize.Park)
				switch {
				case ok:
					*v = *normalize.RowNode(row)
				case isRef:
					b.Omit("/params/annotation_layers", "the server has nothing for "+v.Value)
					*v = *asset.Null()
				}
			}
			return nil
		},
	}
}

// layers lists the annotation layers of a chart, wherever they are repeated.
func layers(root *yaml.Node) []*yaml.Node {
	out := slices.Clone(items(asset.Get(root, "params", "annotation_layers")))
	context := asset.Get(root, "query_context")
	out = append(out, items(asset.Get(context, "form_data", "annotation_layers"))...)
	for _, q := range items(asset.Get(context, "queries")) {
		out = append(out, items(asset.Get(q, "annotation_layers"))...)
	}
	return out
}

func layerKind(layer *yaml.Node) asset.Kind {
	switch asset.Text(asset.Get(layer, "sourceType")) {
	case "NATIVE":
		return annotationLayer
	case "line", "table":
		return kindChart
	}
	return ""
}

func items(n *yaml.Node) []*yaml.Node {
	if !asset.IsSeq(n) {
		return nil
	}
	return n.Content
}

func mapKeys(n *yaml.Node) []string {
	var out []string
	for k := range asset.Each(n) {
		out = append(out, k)
	}
	return out
}
