package supersettest

import (
	"slices"
	"strconv"
	"strings"
)

// dashboards is the import of dashboards: they are overwritten when asked, what
// they use is created when missing and never changed (facts F1).
func (t *tx) dashboards(configs []config, overwrite bool) error {
	charts, sets, themes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range of(configs, Dashboard) {
		if c.obj("position") == nil {
			return errUnknown(Dashboard) // KeyError
		}
		for _, uid := range chartIDs(c.obj("position")).keys {
			charts[uid] = true
		}
		for _, target := range filterTargets(c.obj("metadata")) {
			sets[target.str("datasetUuid")] = true
		}
		themes[lower(c, "theme_uuid")] = true
	}
	for _, c := range of(configs, Chart) {
		if charts[lower(c, "uuid")] {
			sets[lower(c, "dataset_uuid")] = true
		}
	}
	themeIDs := map[string]int{}
	for _, c := range of(configs, Theme) {
		if themes[lower(c, "uuid")] {
			r, err := t.theme(c, false)
			if err != nil {
				return err
			}
			themeIDs[r.uuid] = r.id
		}
	}
	datasets, err := t.relatedDatasets(configs, sets)
	if err != nil {
		return err
	}
	chartRows := map[string]int{}
	for _, c := range of(configs, Chart) {
		ds := datasets[lower(c, "dataset_uuid")]
		switch {
		case ds == nil && !t.u.relaxed:
			continue
		case ds == nil:
			ds = t.state.byUUID(Dataset, c.str("dataset_uuid"))
		}
		r, err := t.chart(c, ds, t.u.relaxed)
		if err != nil {
			return err
		}
		chartRows[r.uuid] = r.id
	}
	for _, c := range of(configs, Dashboard) {
		if err := t.dashboard(c, chartRows, datasets, themeIDs, overwrite); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) dashboard(c config, charts map[string]int, sets map[string]*row, themes map[string]int, overwrite bool) error {
	o := clone(c.object).(*object)
	if err := t.updateRefs(o, charts, sets); err != nil {
		return err
	}
	if o.has("theme_uuid") {
		o.set("theme_id", nil)
		if id, ok := themes[strings.ToLower(o.str("theme_uuid"))]; ok {
			o.set("theme_id", id)
		}
	}
	linked := chartIDs(o.obj("position"))
	existing := t.state.byUUID(Dashboard, o.str("uuid"))
	r := existing
	if existing == nil || overwrite {
		err := t.mayCreate(Dashboard)
		if existing != nil {
			err = t.mayOverwrite(existing)
		}
		if err != nil {
			return err
		}
		meta := o.obj("metadata")
		if meta != nil {
			meta.del("show_native_filters")
			migrateMetadata(meta)
		}
		moveJSON(o, "position", "position_json")
		moveJSON(o, "metadata", "json_metadata")
		if r, err = t.store(models[Dashboard], o); err != nil {
			return err
		}
		t.own(r)
	}
	r = t.state.edit(Dashboard, r.id)
	t.relink(r, linked.keys, charts, overwrite)
	if r.fields["json_metadata"] == nil {
		r.fields["json_metadata"] = `{"native_filter_configuration": []}`
	}
	return t.tag(r, o)
}

// relink links the charts of the bundle. Before 6.1.0 what was linked before stays
// (facts F1), and the loop over a set ends at the first chart that is not there.
func (t *tx) relink(r *row, uids []string, charts map[string]int, overwrite bool) {
	replaces := t.since("6.1.0")
	switch {
	case replaces && overwrite:
		r.slices = nil
	case !replaces:
		uids = slices.Clone(uids)
		t.rng.Shuffle(len(uids), func(i, j int) { uids[i], uids[j] = uids[j], uids[i] })
	}
	for _, uid := range uids {
		id, ok := charts[strings.ToLower(uid)]
		if !ok && !replaces && !t.u.relaxed {
			break
		}
		if ok && !slices.Contains(r.slices, id) {
			r.slices = append(r.slices, id)
		}
	}
}

// migrateMetadata is what migrate_dashboard does to every imported dashboard:
// the list of native filters appears, two legacy keys go.
func migrateMetadata(meta *object) {
	if !meta.has("native_filter_configuration") {
		meta.set("native_filter_configuration", []any{})
	}
	meta.del("default_filters")
	meta.del("filter_scopes")
}

// moveJSON replaces a mapping by its text. What JSON cannot hold is lost, as in
// the source, which takes the key out before it tries.
func moveJSON(o *object, from, to string) {
	if v := o.get(from); v != nil {
		o.del(from)
		if text, err := encodeJSON(v); err == nil {
			o.set(to, text)
		}
	}
}

// updateRefs is update_id_refs. Cross-filter scopes are remapped from 6.0.0 on. Row ids in chartsInScope, in display
// controls and in chart params stay stale; an id in timed_refresh_immune_slices
// or expanded_slices that the layout does not know is a KeyError, so is a native
// filter on a dataset that is not in the bundle: 500 without a name (F13).
func (t *tx) updateRefs(o *object, charts map[string]int, sets map[string]*row) error {
	pos, meta := o.obj("position"), o.obj("metadata")
	ids := map[string]int{} // old id -> new id
	old := chartIDs(pos)
	for _, uid := range old.keys {
		if id, ok := charts[strings.ToLower(uid)]; ok {
			ids[string(old.num(uid))] = id
		}
	}
	if err := remapStrict(meta, ids); err != nil {
		return err
	}
	for _, k := range pos.keys {
		item := pos.obj(k)
		if m := item.obj("meta"); m != nil && item.str("type") == "CHART" {
			if id, ok := charts[strings.ToLower(m.str("uuid"))]; ok && m.str("uuid") != "" {
				m.set("chartId", id)
			}
		}
	}
	for _, target := range filterTargets(meta) {
		uid, _ := target.del("datasetUuid").(string)
		if uid == "" {
			continue
		}
		ds := sets[strings.ToLower(uid)]
		if ds == nil && t.u.relaxed {
			ds = t.state.byUUID(Dataset, uid)
		}
		if ds == nil {
			return errUnknown(Dashboard)
		}
		target.set("datasetId", ds.id)
	}
	for _, f := range meta.list("native_filter_configuration") {
		if filter, ok := f.(*object); ok {
			remapExcluded(filter.obj("scope"), ids)
		}
	}
	if t.since("6.0.0") {
		remapExcluded(meta.obj("global_chart_configuration").obj("scope"), ids)
		remapChartConfiguration(meta, ids)
	}
	return nil
}

func remapStrict(meta *object, ids map[string]int) error {
	if meta.has("timed_refresh_immune_slices") {
		list, ok := meta.get("timed_refresh_immune_slices").([]any)
		if !ok {
			return errUnknown(Dashboard) // TypeError: not iterable
		}
		out := make([]any, len(list))
		for i, v := range list {
			id, known := ids[pyRepr(v)]
			if !known {
				return errUnknown(Dashboard)
			}
			out[i] = id
		}
		meta.set("timed_refresh_immune_slices", out)
	}
	if expanded := meta.obj("expanded_slices"); expanded != nil {
		out := newObject()
		for _, k := range expanded.keys {
			id, known := ids[k]
			if !known {
				return errUnknown(Dashboard)
			}
			out.set(itoa(id), expanded.get(k))
		}
		meta.set("expanded_slices", out)
	}
	return nil
}

func remapExcluded(scope *object, ids map[string]int) {
	list := scope.list("excluded")
	if len(list) == 0 {
		return
	}
	out := []any{}
	for _, v := range list {
		if id, ok := ids[pyRepr(v)]; ok {
			out = append(out, id)
		}
	}
	scope.set("excluded", out)
}

func remapChartConfiguration(meta *object, ids map[string]int) {
	conf := meta.obj("chart_configuration")
	if conf == nil {
		return
	}
	out := newObject()
	for _, k := range conf.keys {
		if _, err := strconv.Atoi(k); err != nil {
			continue
		}
		id, ok := ids[k]
		if !ok {
			continue
		}
		if one := conf.obj(k); one != nil {
			one.set("id", id)
			remapExcluded(one.obj("crossFilters").obj("scope"), ids)
		}
		out.set(itoa(id), conf.get(k))
	}
	meta.set("chart_configuration", out)
}
