package supersettest

import (
	"net/http"
	"slices"
	"strings"
)

// serveImportAssets overwrites everything the bundle holds, connections too
// (facts F2), and links only the charts that come before the first one that is
// absent, in no order (facts F4). Every failure is the same nameless 500 (F5).
func (s *Server) serveImportAssets(c *call) {
	u, err := readUpload(c.r, "bundle")
	if err == nil {
		err = s.transaction(func() error {
			kinds := []string{Chart, Dashboard, Dataset, Database, SavedQuery}
			configs, bad, err := s.loadConfigs(u, kinds, "assets")
			if err == nil && len(bad.byFile.keys) == 0 {
				t := &tx{s, c.user, u}
				err = t.assets(configs)
			}
			if err != nil || len(bad.byFile.keys) > 0 {
				return commandError(http.StatusInternalServerError, "Import failed for an unknown reason")
			}
			return nil
		})
	}
	answerImport(c, err)
}

func (t *tx) assets(configs []config) error {
	databases, sets, charts := map[string]int{}, map[string]*row{}, map[string]int{}
	if t.u.sparse && t.since("6.0.0") {
		for _, r := range t.state.rows[Database] {
			databases[r.uuid] = r.id
		}
		for _, r := range t.state.rows[Dataset] {
			sets[r.uuid] = r
		}
		for _, r := range t.state.rows[Chart] {
			charts[r.uuid] = r.id
		}
	}
	for _, c := range of(configs, Database) {
		r, err := t.database(c, true)
		if err != nil {
			return err
		}
		databases[r.uuid] = r.id
	}
	for _, c := range of(configs, SavedQuery) {
		id, ok := databases[lower(c, "database_uuid")]
		if !ok {
			return errUnknown(SavedQuery)
		}
		if err := t.query(c, id, true); err != nil {
			return err
		}
	}
	for _, c := range of(configs, Dataset) {
		id, ok := databases[lower(c, "database_uuid")]
		if !ok {
			return errUnknown(Dataset)
		}
		r, err := t.dataset(c, id, true)
		if err != nil {
			return err
		}
		sets[r.uuid] = r
	}
	for _, c := range of(configs, Chart) {
		ds := sets[lower(c, "dataset_uuid")]
		if ds == nil {
			return errUnknown(Chart)
		}
		r, err := t.chart(c, ds, true)
		if err != nil {
			return err
		}
		charts[r.uuid] = r.id
	}
	for _, c := range of(configs, Dashboard) {
		if err := t.assetsDashboard(c, charts, sets); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) assetsDashboard(c config, charts map[string]int, sets map[string]*row) error {
	if c.obj("position") == nil {
		return errUnknown(Dashboard)
	}
	kept := map[string]int{}
	uids := chartIDs(c.obj("position")).keys
	t.rng.Shuffle(len(uids), func(i, j int) { uids[i], uids[j] = uids[j], uids[i] })
	for _, uid := range uids {
		id, ok := charts[strings.ToLower(uid)]
		if !ok {
			break
		}
		kept[strings.ToLower(uid)] = id
	}
	c.del("theme_uuid")
	c.del("tags")
	if err := t.dashboard(c, charts, sets, nil, true); err != nil {
		return err
	}
	r := t.state.byUUID(Dashboard, c.str("uuid"))
	r.slices = slices.DeleteFunc(r.slices, func(id int) bool {
		for _, k := range kept {
			if k == id {
				return false
			}
		}
		return true
	})
	return nil
}
