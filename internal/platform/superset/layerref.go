package superset

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

func layerRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "name",
		Rules: slices.Concat([]normalize.Rule{
			{Op: normalize.JSON, Path: "/annotations/*/json_metadata", Restore: true, Why: "JSON text that people may write by hand"},
			{Op: normalize.Call, Path: "/annotations/*/start_dttm", Hook: annotationTimes(), Why: "the server keeps UTC and takes other forms of the same time"},
			{Op: normalize.SortBy, Path: "/annotations", By: "short_descr", Why: "the server keeps them in no order; the short description is unique within the layer"},
			{Op: normalize.Default, Path: "/annotations", Value: "[]", Also: []string{"null"}, Restore: true, Why: "no annotations"},
		},
			blanks("/descr", "/annotations/*/long_descr", "/annotations/*/json_metadata"),
			[]normalize.Rule{
				{Op: normalize.RedactText, Path: "", Why: "a password inside a link"},
			})}
}

// annotationTimes makes times what the server shows: UTC without a zone, with six
// digits of a second where there is a fraction.
func annotationTimes() *normalize.Hook {
	return &normalize.Hook{Canonical: func(d *normalize.Doc) error {
		for _, n := range items(asset.Get(d.Root, "annotations")) {
			for _, f := range []string{"start_dttm", "end_dttm"} {
				if v := asset.Get(n, f); v != nil && v.Kind == yaml.ScalarNode && !asset.IsNull(v) {
					*v = *asset.Str(serverTime(v.Value))
				}
			}
		}
		return nil
	}}
}

func serverTime(text string) string {
	for _, layout := range []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t = t.UTC()
		if t.Nanosecond()/1000 == 0 {
			return t.Format("2006-01-02T15:04:05")
		}
		return t.Format("2006-01-02T15:04:05.000000")
	}
	return text
}

// annotationLayers lists the annotation layers by row id, for charts that name them
// when the kind itself is not read.
func (c *conn) annotationLayers(ctx context.Context) (map[string]string, error) {
	rows, err := c.listKind(ctx, annotationLayer)
	if err != nil {
		return nil, err
	}
	uids := map[string]string{}
	for _, r := range rows {
		if r.bad == "" {
			uids[strconv.Itoa(r.ID)] = r.UUID
		}
	}
	return uids, nil
}

// usesAnnotationLayer looks into a chart as the server exports it.
func usesAnnotationLayer(chart *yaml.Node) bool {
	for _, l := range items(asset.Get(chart, "params", "annotation_layers")) {
		if layerKind(l) == annotationLayer {
			return true
		}
	}
	return strings.Contains(asset.Text(asset.Get(chart, "query_context")), `"NATIVE"`)
}

// findLayers lists the annotation layers when a chart uses one and they are not
// among the kinds that are read. Without the list such a chart is unreadable:
// guessed references would look like an edit.
func (r *reading) findLayers(ctx context.Context) {
	if _, denied := r.index.denied[annotationLayer]; !denied && slices.Contains(r.c.kinds(ctx), annotationLayer) {
		return
	}
	var users []asset.ID
	for id, d := range r.docs {
		if id.Kind == kindChart && d.err == nil && usesAnnotationLayer(d.node) {
			users = append(users, id)
		}
	}
	if len(users) == 0 {
		return
	}
	var err error
	if r.layers, err = r.c.annotationLayers(ctx); err == nil {
		return
	}
	for _, id := range users {
		d := r.docs[id]
		d.err = fmt.Errorf("the chart uses annotation layers, and they cannot be listed: %w", err)
		r.docs[id] = d
	}
}

// lists reports whether the index holds a kind.
func (im *importing) lists(k asset.Kind) bool {
	_, denied := im.index.denied[k]
	return !denied && slices.Contains(im.kinds, k)
}

// layerRow is the row of an annotation layer when the kind is not read.
func (im *importing) layerRow(ctx context.Context, uid string) (string, bool) {
	if im.layers == nil {
		im.layers = map[string]string{}
		uids, err := im.c.annotationLayers(ctx)
		if err != nil {
			im.c.log.WarnContext(ctx, "annotation layers cannot be listed", "instance", im.c.instance, "error", err.Error())
		}
		for row, uid := range uids {
			im.layers[uid] = row
		}
	}
	row, ok := im.layers[uid]
	return row, ok
}
