package supersettest

import "slices"

func (s *Server) exportDashboard(b *bundle, r *row, related bool) {
	b.add("dashboards/"+fileName(r.title(), r.id, false)+".yaml", func() string { return s.dashboardFile(r, b.user) })
	if !related {
		return
	}
	for _, id := range r.slices {
		if ch := s.state.byID(Chart, id); ch != nil {
			s.exportChart(b, ch, true)
		}
	}
	if s.tags() {
		b.add("tags.yaml", func() string { return s.tagsFile([]int{r.id}, r.slices) })
	}
	theme, _ := r.fields["theme_id"].(int)
	if t := s.state.byID(Theme, theme); t != nil {
		s.exportRow(b, t, false)
	}
	v, _ := decodeJSON(r.str("json_metadata"))
	meta, _ := v.(*object)
	for _, t := range filterTargets(meta) {
		if ds := s.state.byID(Dataset, int(atoi(t.num("datasetId")))); ds != nil {
			s.exportDataset(b, ds, true)
		}
	}
}

// filterTargets lists the targets of all native filters.
func filterTargets(meta *object) []*object {
	var out []*object
	for _, f := range meta.list("native_filter_configuration") {
		filter, _ := f.(*object)
		for _, t := range filter.list("targets") {
			if target, ok := t.(*object); ok {
				out = append(out, target)
			}
		}
	}
	return out
}

// usesHidden reports whether a dashboard uses charts or datasets that an account
// may not see: its own export is then 500, and that of everything leaves them out
// without a word (measured, 6.1.0).
func (s *Server) usesHidden(user int, r *row) bool {
	if slices.ContainsFunc(r.slices, func(id int) bool { ch := s.state.byID(Chart, id); return ch != nil && !s.visible(user, ch) }) {
		return true
	}
	meta, _ := parsed(r.str("json_metadata")).(*object)
	for _, t := range filterTargets(meta) {
		n, _ := t.get("datasetId").(number)
		if ds := s.state.byID(Dataset, int(atoi(n))); ds != nil && !s.accesses(user, ds) {
			return true
		}
	}
	return false
}

// dashboardFile is a dashboard as an account's export shows it.
func (s *Server) dashboardFile(r *row, user int) string {
	o := exportFields(r, models[Dashboard].fields)
	position, metadata := o.del("position_json"), o.del("json_metadata")
	if text, _ := position.(string); text != "" {
		o.set("position", parsed(text))
	}
	if text, _ := metadata.(string); text != "" {
		o.set("metadata", parsed(text))
	}
	for _, t := range filterTargets(o.obj("metadata")) {
		id := t.del("datasetId")
		if n, ok := id.(number); ok {
			if ds := s.state.byID(Dataset, int(atoi(n))); ds != nil && s.accesses(user, ds) {
				t.set("datasetUuid", ds.uuid)
			}
		}
	}
	pos := o.obj("position")
	if pos == nil || len(pos.keys) == 0 {
		pos = defaultPosition(r.title())
		o.set("position", pos)
	}
	s.appendOrphans(r, pos)
	if s.themes() {
		o.set("theme_uuid", nil)
	}
	theme, _ := r.fields["theme_id"].(int)
	if t := s.state.byID(Theme, theme); t != nil {
		o.set("theme_uuid", t.uuid)
	}
	o.set("version", "1.0.0")
	if s.tags() {
		o.set("tags", stringList(r.tags))
	}
	return emitYAML(o)
}

func parsed(text string) any {
	v, err := decodeJSON(text)
	if err != nil {
		return newObject()
	}
	return v
}

func defaultPosition(title string) *object {
	v, _ := decodeJSON(`{"DASHBOARD_VERSION_KEY": "v2", "ROOT_ID": {"children": ["GRID_ID"], "id": "ROOT_ID", "type": "ROOT"},
		"GRID_ID": {"children": [], "id": "GRID_ID", "parents": ["ROOT_ID"], "type": "GRID"},
		"HEADER_ID": {"id": "HEADER_ID", "meta": {}, "type": "HEADER"}}`)
	o, _ := v.(*object)
	o.obj("HEADER_ID").obj("meta").set("text", title)
	return o
}

// appendOrphans lays out the charts that are linked but absent from the layout
// in one new row, in random order and with random names each time (facts F10).
func (s *Server) appendOrphans(r *row, pos *object) {
	laidOut := chartIDs(pos)
	var orphans []*row
	for _, id := range r.slices {
		if ch := s.state.byID(Chart, id); ch != nil && !laidOut.has(ch.uuid) {
			orphans = append(orphans, ch)
		}
	}
	if len(orphans) == 0 {
		return
	}
	s.rng.Shuffle(len(orphans), func(i, j int) { orphans[i], orphans[j] = orphans[j], orphans[i] })
	names := make([]any, len(orphans))
	for i := range names {
		names[i] = "CHART-" + s.suffix()
	}
	rowName := ""
	if grid := pos.obj("GRID_ID"); grid != nil && slices.Contains(pos.obj("ROOT_ID").list("children"), any("GRID_ID")) {
		rowName = "ROW-N-" + s.suffix()
		grid.set("children", append(slices.Clone(grid.list("children")), rowName))
		v, _ := decodeJSON(`{"children": [], "id": "", "meta": {"0": "ROOT_ID", "background": "BACKGROUND_TRANSPARENT"},
			"type": "ROW", "parents": ["ROOT_ID", "GRID_ID"]}`)
		item, _ := v.(*object)
		item.set("children", names)
		item.set("id", rowName)
		pos.set(rowName, item)
	}
	for i, ch := range orphans {
		meta := newObject()
		meta.set("chartId", ch.id)
		meta.set("height", number("50"))
		meta.set("sliceName", ch.title())
		meta.set("uuid", ch.uuid)
		meta.set("width", number("4"))
		item := newObject()
		item.set("children", []any{})
		item.set("id", names[i])
		item.set("meta", meta)
		item.set("type", "CHART")
		if rowName != "" {
			item.set("parents", []any{"ROOT_ID", "GRID_ID", rowName})
		}
		pos.set(names[i].(string), item)
	}
}

func (s *Server) suffix() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, 8)
	for i := range b {
		b[i] = letters[s.rng.IntN(len(letters))]
	}
	return string(b)
}

// chartIDs maps the uuids of the charts in a layout to the ids it gives them.
func chartIDs(pos *object) *object {
	ids := newObject()
	if pos == nil {
		return ids
	}
	for _, k := range pos.keys {
		item := pos.obj(k)
		meta := item.obj("meta")
		if item.str("type") == "CHART" && meta.str("uuid") != "" {
			ids.set(meta.str("uuid"), meta.get("chartId"))
		}
	}
	return ids
}
