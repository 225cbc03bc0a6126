package supersettest

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// importKinds are the folders that each import reads.
var importKinds = map[string][]string{
	Dashboard: {Chart, Dashboard, Dataset, Database, Theme},
	Chart:     {Chart, Dataset, Database},
	Dataset:   {Database, Dataset},
	Database:  {Database, Dataset},
	Theme:     {Theme},

	SavedQuery: {Database, SavedQuery},
}

// tx is one import: all of it happens or nothing does.
type tx struct {
	*Server
	user int
	u    *upload
}

func (s *Server) serveImport(c *call, kind string) {
	u, err := readUpload(c.r, "formData")
	if err == nil && u.larger(s.zipLimit) {
		err = backendError(http.StatusInternalServerError, "Found file with size above allowed threshold")
	}
	if err == nil {
		err = s.transaction(func() error { return s.importKind(c.user, kind, u) })
	}
	if err == nil && kind == Theme {
		c.message(http.StatusOK, "Theme imported successfully")
		return
	}
	answerImport(c, err)
}

func answerImport(c *call, err error) {
	var e *apiError
	switch {
	case err == nil:
		c.message(http.StatusOK, "OK")
	case errors.As(err, &e):
		e.write(c.w)
	case errors.Is(err, errArguments):
		c.message(http.StatusBadRequest, err.Error())
	default:
		backendError(http.StatusInternalServerError, err.Error()).write(c.w)
	}
}

// transaction puts the state back when f fails. The lock is held.
func (s *Server) transaction(f func() error) error {
	before := s.state
	s.state = before.clone()
	err := f()
	if err != nil {
		s.state = before
	}
	return err
}

func (s *Server) importKind(user int, kind string, u *upload) error {
	configs, bad, err := s.loadConfigs(u, importKinds[kind], models[kind].class)
	if err != nil {
		return err
	}
	title, name := strings.ToUpper(kind[:1])+kind[1:], kind
	if kind == SavedQuery {
		title, name = "Saved_Queries", "saved_queries"
	}
	for _, c := range configs {
		if !u.overwrite && c.kind == kind && s.state.byUUID(kind, c.str("uuid")) != nil {
			bad.add(c.file, title+" already exists and `overwrite=true` was not passed")
		}
	}
	if keys := bad.byFile.keys; len(keys) > 0 {
		lines := make([]string, len(keys))
		for i, k := range keys {
			text, ok := bad.byFile.vals[k].(string)
			if !ok {
				text = pyRepr(bad.byFile.vals[k])
			}
			lines[i] = k + ": " + text
		}
		text := "Error importing " + name
		if s.since("6.0.0") {
			text += ": " + strings.Join(lines, "; ")
		}
		e := commandError(http.StatusUnprocessableEntity, text)
		e.extra = bad.byFile
		return e
	}
	t := &tx{s, user, u}
	switch kind {
	case Database:
		return t.databases(configs)
	case Dataset:
		return t.datasets(configs)
	case Chart:
		return t.charts(configs)
	case Dashboard:
		return t.dashboards(configs, u.overwrite)
	case SavedQuery:
		return t.queries(configs)
	}
	for _, c := range configs {
		if _, err := t.theme(c, u.overwrite); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) databases(configs []config) error {
	ids := map[string]int{}
	for _, c := range of(configs, Database) {
		r, err := t.database(c, t.u.overwrite)
		if err != nil {
			return err
		}
		ids[r.uuid] = r.id
	}
	for _, c := range of(configs, Dataset) {
		if id, ok := ids[lower(c, "database_uuid")]; ok {
			if _, err := t.dataset(c, id, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) datasets(configs []config) error {
	wanted := map[string]bool{}
	for _, c := range of(configs, Dataset) {
		wanted[lower(c, "database_uuid")] = true
	}
	ids, err := t.relatedDatabases(configs, wanted)
	if err != nil {
		return err
	}
	for _, c := range of(configs, Dataset) {
		if id, ok := ids[lower(c, "database_uuid")]; ok {
			if _, err := t.dataset(c, id, t.u.overwrite); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) charts(configs []config) error {
	wanted := map[string]bool{}
	for _, c := range of(configs, Chart) {
		wanted[lower(c, "dataset_uuid")] = true
	}
	sets, err := t.relatedDatasets(configs, wanted)
	if err != nil {
		return err
	}
	for _, c := range of(configs, Chart) {
		// a chart whose dataset is not in the bundle is left out in silence
		if ds := sets[lower(c, "dataset_uuid")]; ds != nil && c.str("viz_type") != "filter_box" {
			if _, err := t.chart(c, ds, t.u.overwrite); err != nil {
				return err
			}
		}
	}
	return nil
}

// relatedDatabases creates the wanted connections that are not there yet.
func (t *tx) relatedDatabases(configs []config, wanted map[string]bool) (map[string]int, error) {
	ids := map[string]int{}
	for _, c := range of(configs, Database) {
		if wanted[lower(c, "uuid")] {
			r, err := t.database(c, false)
			if err != nil {
				return nil, err
			}
			ids[r.uuid] = r.id
		}
	}
	return ids, nil
}

// relatedDatasets creates datasets that are not there yet; the filter on what
// is wanted applies to connections only, as in the source.
func (t *tx) relatedDatasets(configs []config, wanted map[string]bool) (map[string]*row, error) {
	databases := map[string]bool{}
	for _, c := range of(configs, Dataset) {
		if wanted[lower(c, "uuid")] {
			databases[lower(c, "database_uuid")] = true
		}
	}
	ids, err := t.relatedDatabases(configs, databases)
	if err != nil {
		return nil, err
	}
	sets := map[string]*row{}
	for _, c := range of(configs, Dataset) {
		if id, ok := ids[lower(c, "database_uuid")]; ok {
			r, err := t.dataset(c, id, false)
			if err != nil {
				return nil, err
			}
			sets[r.uuid] = r
		}
	}
	return sets, nil
}

func of(configs []config, kind string) []config {
	return slices.DeleteFunc(slices.Clone(configs), func(c config) bool { return c.kind != kind })
}

func lower(c config, key string) string { return strings.ToLower(c.str(key)) }
