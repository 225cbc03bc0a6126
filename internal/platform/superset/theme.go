package superset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// themeFlag says that a theme is what people see who chose none. One theme of a
// server has it at most; it is no field of the importer, and has requests of its own
// (themes/api.py, 6.0.0 and 6.1.0).
type themeFlag struct{ field, verb string }

func themeFlags() []themeFlag {
	return []themeFlag{{"is_system_default", "system_default"}, {"is_system_dark", "system_dark"}}
}

func themeRules() normalize.KindRules {
	rules := []normalize.Rule{version}
	var unread []normalize.Field
	for _, f := range themeFlags() {
		unread = append(unread, normalize.Field{Name: f.field, Why: "in no export; read from the list"})
		rules = append(rules, normalize.Rule{Op: normalize.Default, Path: "/" + f.field, Value: "false", Also: []string{"null"}, Why: "the database column's default"})
	}
	return normalize.KindRules{UID: "uuid", Title: "theme_name", Unread: unread,
		Rules: append(rules, normalize.Rule{Op: normalize.RedactText, Path: "", Why: "a password inside a link"})}
}

func (e *entry) flag(f themeFlag) bool {
	if f.field == "is_system_dark" {
		return e.dark
	}
	return e.normal
}

// peoples are the rows that are people's. The two themes that Superset writes from
// its configuration at each start, under uuids of its own, are no assets: nobody can
// edit or delete them (commands/theme/update.py, delete.py, seed.py).
func peoples(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.System })
}

// completeThemes adds what exports of themes leave out.
func completeThemes(ctx context.Context, r *reading) error {
	ids := r.readOf(kindTheme)
	entries, err := r.listed(ctx, kindTheme, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		d, e := r.docs[id], entries[id]
		if e == nil {
			delete(r.docs, id)
			continue
		}
		for _, f := range themeFlags() {
			asset.Put(d.node, asset.Bool(e.flag(f)), f.field)
		}
		d.digest = sha256.Sum256(fmt.Appendf(d.digest[:], "%t%t", e.normal, e.dark))
		r.docs[id] = d
	}
	return nil
}

// finishThemes makes the wanted themes the server's default and dark one. Setting
// one takes the flag from any other, and taking it away names no theme, so both are
// decided when all themes are there.
func (im *importing) finishThemes(ctx context.Context, jobs []*job) {
	wrote := false
	for _, f := range themeFlags() {
		var set, clear []*job
		for _, j := range jobs {
			e, ok := im.index.get(j.id())
			if !ok || im.results[j.id()].Err != nil {
				continue
			}
			switch want := isTrue(j.aside[f.field]); {
			case want:
				set = append(set, j)
			case e.flag(f):
				clear = append(clear, j)
			}
		}
		for i, j := range set {
			if i > 0 {
				im.fail(j.id(), fmt.Errorf("%s: written, but %s says %s too, and one theme of a server can be that: take it out of one", j.path, set[0].path, f.field))
			}
		}
		if len(set) > 0 {
			wrote = im.setTheme(ctx, set[0], f) || wrote
		} else if len(clear) > 0 {
			wrote = im.flagged(ctx, clear[0], f, http.MethodDelete, "unset_"+f.verb) || wrote
		}
	}
	if wrote {
		im.relist(ctx, kindTheme, jobs)
	}
}

func (im *importing) setTheme(ctx context.Context, j *job, f themeFlag) bool {
	e, ok := im.index.get(j.id())
	if !ok || e.flag(f) {
		return false
	}
	return im.flagged(ctx, j, f, http.MethodPut, strconv.Itoa(e.row)+"/set_"+f.verb)
}

// flagged sends the request that sets or takes a flag. An account that is no
// administrator, and a server that keeps its themes in the configuration
// (ENABLE_UI_THEME_ADMINISTRATION), cannot hold it.
func (im *importing) flagged(ctx context.Context, j *job, f themeFlag, method, path string) (wrote bool) {
	err := im.c.http.Send(ctx, method, traitOf(kindTheme).endpoint()+path, map[string]any{}, nil)
	var answer *apihttp.Error
	switch {
	case err == nil:
		return true
	case errors.As(err, &answer) && answer.Status == http.StatusForbidden:
		im.omit(j.id(), "/spec/"+f.field, "the server does not let this account choose it: "+answer.Message)
	default:
		im.fail(j.id(), fmt.Errorf("%s: written, but not %s: %w", j.path, f.field, err))
	}
	return false
}

func isTrue(n *yaml.Node) bool { return n != nil && n.Tag == asset.TagBool && n.Value == "true" }

// themes adds the themes of dashboards: without its file the importer takes the
// theme off (dashboard/importers/v1/__init__.py). A theme that is there is left as
// it is, whatever the file says. A server without themes has none to add.
func (im *importing) themes(ctx context.Context, uids map[string]bool, rest *companions) error {
	delete(uids, "")
	if len(uids) == 0 || lacksKind(kindTheme, im.version) {
		return nil
	}
	rows := im.index.themes
	if !slices.Contains(im.kinds, kindTheme) {
		var err error
		rows, err = im.c.listKind(ctx, kindTheme)
		if isMissing(kindTheme, err) { // too old for themes
			return nil
		}
		if err != nil {
			return fmt.Errorf("list themes: %w", err)
		}
	}
	for _, r := range rows {
		if !uids[r.UUID] {
			continue
		}
		data, err := asset.FromJSON(r.ThemeData)
		if err != nil {
			data = asset.Str(r.ThemeData)
		}
		rest.files[fileName(asset.ID{Kind: kindTheme, UID: r.UUID})] = asset.Map("theme_name", r.ThemeName, "json_data", data, "uuid", r.UUID, "version", "1.0.0")
	}
	return nil
}
