package supersettest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// systemThemes are written from the configuration at each start (themes.py,
// SeedSystemThemesCommand of 6.0.0 and 6.1.0); their uuids differ per server.
func (s *Server) systemThemes() {
	if !s.themes() {
		return
	}
	for _, mode := range []string{"default", "dark"} {
		name, data := "THEME_"+strings.ToUpper(mode), `{"algorithm": "`+mode+`"}`
		if slices.ContainsFunc(s.state.rows[Theme], func(r *row) bool { return r.title() == name && r.fields["is_system"] == true }) {
			continue
		}
		r := s.state.insert(Theme, s.newUUID())
		r.createdOn = s.clock()
		r.changedOn = r.createdOn
		r.fields["theme_name"], r.fields["json_data"], r.fields["is_system"] = name, data, true
	}
}

func (t *tx) theme(c config, overwrite bool) (*row, error) {
	if existing := t.state.byUUID(Theme, c.str("uuid")); existing != nil && !overwrite {
		return existing, nil
	}
	o := clone(c.object).(*object)
	if _, ok := o.get("json_data").(*object); ok {
		closeJSON(o, "json_data")
	}
	return t.store(models[Theme], o)
}

// checkTheme is is_valid_theme (themes/utils.py).
func checkTheme(v any) any {
	fail := []any{"Invalid theme configuration structure"}
	if text, ok := v.(string); ok {
		parsed, err := decodeJSON(text)
		if err != nil {
			return []any{"Invalid JSON configuration"}
		}
		v = parsed
	}
	o, ok := v.(*object)
	if !ok {
		return fail
	}
	for _, k := range []string{"token", "components"} {
		if _, is := o.get(k).(*object); o.has(k) && !is {
			return fail
		}
	}
	for _, k := range []string{"hashed", "inherit"} {
		if _, is := o.get(k).(bool); o.has(k) && !is {
			return fail
		}
	}
	if o.has("algorithm") && !validAlgorithm(o.get("algorithm")) {
		return fail
	}
	return nil
}

func validAlgorithm(v any) bool {
	modes := []any{"default", "dark", "system", "compact"}
	if list, ok := v.([]any); ok {
		return !slices.ContainsFunc(list, func(e any) bool { return !slices.Contains(modes, e) })
	}
	return slices.Contains(modes, v)
}

// serveSetTheme makes a theme the server's default or dark one, and no other.
func (s *Server) serveSetTheme(c *call, field string) {
	if !s.admin(c.user) {
		c.message(http.StatusForbidden, "Only administrators can set system themes")
		return
	}
	if s.fixedThemes {
		c.message(http.StatusForbidden, "UI theme administration is not enabled")
		return
	}
	found := s.find(Theme, c.r.PathValue("id"), false)
	if found == nil {
		c.message(http.StatusNotFound, "Not found")
		return
	}
	s.clearTheme(field)
	s.state.edit(Theme, found.id).fields[field] = true
	c.json(http.StatusOK, map[string]any{"id": found.id, "result": "success"})
}

func (s *Server) serveUnsetTheme(c *call, field string) {
	if !s.admin(c.user) {
		c.message(http.StatusForbidden, "Only administrators can set system themes")
		return
	}
	if s.fixedThemes {
		c.message(http.StatusForbidden, "UI theme administration is not enabled")
		return
	}
	s.clearTheme(field)
	c.json(http.StatusOK, map[string]any{"result": "success"})
}

func (s *Server) clearTheme(field string) {
	for _, r := range s.state.rows[Theme] {
		if r.fields[field] == true {
			s.state.edit(Theme, r.id).fields[field] = false
		}
	}
}

// WithFixedThemes switches ENABLE_UI_THEME_ADMINISTRATION off.
func WithFixedThemes() Option { return func(s *Server) { s.fixedThemes = true } }

// protectedTheme says how the deletion of a theme is refused; 0 when it is not.
func protectedTheme(r *row) (status int, text string) {
	switch {
	case r.kind != Theme:
	case r.fields["is_system"] == true:
		return http.StatusForbidden, "Forbidden"
	case r.fields["is_system_default"] == true, r.fields["is_system_dark"] == true:
		return http.StatusUnprocessableEntity, "Cannot delete theme that is set as system default or dark theme."
	}
	return 0, ""
}

// deleteThemes leaves those of the installation, and lets the others be deleted.
func (c *Client) deleteThemes(ctx context.Context) error {
	items, err := c.List(ctx, Theme)
	var none *StatusError
	if errors.As(err, &none) && none.Status == http.StatusNotFound {
		return nil // before 6.0.0
	}
	if err != nil {
		return err
	}
	for _, flag := range []string{"default", "dark"} {
		if err := c.call(ctx, http.MethodDelete, "/api/v1/theme/unset_system_"+flag, nil, nil); err != nil {
			return err
		}
	}
	for _, it := range items {
		if it.Title == "THEME_DEFAULT" || it.Title == "THEME_DARK" {
			continue
		}
		if err := c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/theme/%d", it.ID), nil, nil); err != nil {
			return err
		}
	}
	return nil
}
