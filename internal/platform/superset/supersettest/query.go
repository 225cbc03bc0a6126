package supersettest

import (
	"encoding/json"
	"net/http"
)

// BreakQueries makes every query on a dataset fail with this message, as a
// warehouse does that has lost the table. "" mends it.
func (s *Server) BreakQueries(dataset, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = map[string]string{}
	}
	s.broken[dataset] = message
}

// serveSyncColumns reads a dataset's columns from the warehouse, which has what the
// dataset has. A lost table is 422 (datasets/api.py of 4.1.4 to 6.1.0).
func (s *Server) serveSyncColumns(c *call) {
	ds := s.find(Dataset, c.r.PathValue("id"), false)
	switch {
	case ds == nil:
		c.message(http.StatusNotFound, "Not found")
	case s.broken[ds.uuid] != "":
		c.message(http.StatusUnprocessableEntity, s.broken[ds.uuid])
	default:
		c.message(http.StatusOK, "OK")
	}
}

// serveChartData runs a query context. One that fails is 400 with the error in the
// message (charts/data/api.py, ChartDataQueryFailedError).
func (s *Server) serveChartData(c *call) {
	body := &struct {
		Datasource struct {
			ID int `json:"id"`
		} `json:"datasource"`
		Queries []struct {
			RowLimit *int `json:"row_limit"`
		} `json:"queries"`
	}{}
	if err := json.NewDecoder(c.r.Body).Decode(body); err != nil {
		c.message(http.StatusBadRequest, "Request is not JSON")
		return
	}
	ds := s.state.byID(Dataset, body.Datasource.ID)
	switch {
	case ds == nil:
		c.message(http.StatusNotFound, "Not found")
		return
	case s.broken[ds.uuid] != "":
		c.message(http.StatusBadRequest, "Error: "+s.broken[ds.uuid])
		return
	}
	results := []any{}
	for range body.Queries {
		results = append(results, map[string]any{"error": nil, "status": "success", "rowcount": 1, "data": []any{map[string]any{"n": 1}}})
	}
	c.json(http.StatusOK, map[string]any{"result": results})
}

// serveExecute runs SQL in SQL Lab; whose it is, is told by the text.
func (s *Server) serveExecute(c *call) {
	body := &struct {
		Database int    `json:"database_id"`
		SQL      string `json:"sql"`
	}{}
	if err := json.NewDecoder(c.r.Body).Decode(body); err != nil || body.SQL == "" || s.state.byID(Database, body.Database) == nil {
		c.message(http.StatusBadRequest, map[string]any{"sql": []any{"Missing data for required field."}})
		return
	}
	for _, ds := range s.state.rows[Dataset] {
		if why := s.broken[ds.uuid]; why != "" && ds.str("sql") == body.SQL {
			c.json(http.StatusBadRequest, map[string]any{"errors": []any{map[string]any{"message": why, "error_type": "GENERIC_DB_ENGINE_ERROR", "level": "error"}}})
			return
		}
	}
	c.json(http.StatusOK, map[string]any{"status": "success", "data": []any{}, "columns": []any{}})
}
