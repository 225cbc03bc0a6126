package superset_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// themes are three of people's, two of which make one file name (F8).
var corp, twin, night = themeID(1), themeID(2), themeID(3)

func themeID(n int) asset.ID {
	return asset.ID{Kind: "theme", UID: fmt.Sprintf("8270a8f1-69a5-4efe-8ef4-59911db3af0%d", n)}
}

func (r *rig) themes() {
	r.Helper()
	file := func(id asset.ID, name, data string) string {
		return fmt.Sprintf("theme_name: %s\njson_data: %s\nuuid: %s\nversion: 1.0.0\n", name, data, id.UID)
	}
	r.imports(st.Theme, "Theme", map[string]string{
		"themes/1.yaml": file(corp, "Corp thème", `{token: {colorPrimary: "#aa3377", borderRadius: 4, motion: false, lineHeight: 1.0, tiny: 1.0e-07, "1": null}, algorithm: [dark, compact]}`),
		"themes/2.yaml": file(twin, "Corp thème/", "{}"),
		"themes/3.yaml": file(night, "Night", "{algorithm: dark, token: {fontFamily: \"Inter, 'Noto Sans'\"}}"),
	})
}

// row is a theme as the API lists it.
func (r *rig) theme(id asset.ID) map[string]any {
	r.Helper()
	for _, m := range r.rows(st.Theme) {
		if m["uuid"] == id.UID {
			return m
		}
	}
	r.Fatalf("no %s", id)
	return nil
}

// flag makes a theme the server's default or dark one, as an administrator does.
func (r *rig) flag(id asset.ID, verb string) {
	r.Helper()
	r.call("PUT", fmt.Sprintf("/api/v1/theme/%v/set_%s", r.theme(id)["id"], verb), map[string]any{})
}

// TestF8_ThemesOfOneName, and F3: the export of everything holds no theme, and the
// joint export of two whose names fall together holds one. Both are read; the two of
// the server itself are not, and a look when nothing changed costs one list request,
// although lists of themes show no change time.
func TestF8_ThemesOfOneName(t *testing.T) {
	onSimulators(t, "6", func(a, _ *rig) { themesOfOneName(a) })
}

func TestLiveF8_ThemesOfOneName(t *testing.T) {
	onLab(t, "6", func(a, _ *rig) { themesOfOneName(a) })
}

func themesOfOneName(r *rig) {
	r.themes()
	r.flag(corp, "system_default")
	all := readAll(r.T, r.p)
	if len(all) != 3 {
		r.Errorf("%d themes were read, want 3", len(all))
	}
	if infos, err := r.p.List(r.Context()); err != nil || len(infos) != 3 {
		r.Errorf("%v are listed, %v", infos, err)
	}
	const want = `dashkeep: superset/1
kind: theme
uid: 8270a8f1-69a5-4efe-8ef4-59911db3af01
title: Corp thème
spec:
  is_system_default: true
  json_data:
    algorithm:
      - dark
      - compact
    token:
      '1': null
      borderRadius: 4
      colorPrimary: '#aa3377'
      lineHeight: 1.0
      motion: false
      tiny: 1.0e-07
`
	if got := all[corp]; got == nil || string(got.Content) != want {
		r.Errorf("the theme is\n%s\nwant\n%s", got.Content, want)
	}
	ch, _ := r.look(nil)
	seen := ch.Seen()
	quiet := func(what string) {
		r.Helper()
		r.reconnect(config(r.url))
		if r.sim != nil {
			r.sim.ResetLog()
		}
		ch, _ := r.look(seen)
		seen = ch.Seen()
		if ch.All != "" || len(ch.Changed) != 0 || len(ch.Listed) != 3 {
			r.Errorf("%s: nothing changed, and it says %q %v", what, ch.All, ch.Changed)
		}
		if r.sim != nil && (r.sim.Count("GET", "/theme/") != 1 || r.sim.Count("", "/export/") != 0) {
			r.Errorf("%s: %d requests for themes, want one", what, r.sim.Count("GET", "/theme/"))
		}
	}
	changed := func(what string, want ...asset.ID) {
		r.Helper()
		ch, got := r.look(seen)
		seen = ch.Seen()
		if ch.All != "" || len(ch.Changed) != len(want) || len(got) != len(want) {
			r.Errorf("%s: %q, %v changed, want %v", what, ch.All, ch.Changed, want)
		}
		for _, id := range want {
			if got[id] == nil || string(got[id].Content) == string(all[id].Content) {
				r.Errorf("%s: %s is as it was", what, id)
			}
		}
	}
	quiet("at first")
	row := r.theme(twin)
	r.call("PUT", fmt.Sprintf("/api/v1/theme/%v", row["id"]), map[string]any{"theme_name": row["theme_name"], "json_data": `{"token": {"a": 1}}`})
	changed("an edit", twin)
	r.flag(night, "system_default")
	changed("another default", corp, night)
	quiet("at the end")
}

// TestThemesComeBack: into an empty server with other ids, with the default and the
// dark one; over what is there; moved; and gone.
func TestThemesComeBack(t *testing.T)     { onSimulators(t, "6", themesComeBack) }
func TestLiveThemesComeBack(t *testing.T) { onLab(t, "6", themesComeBack) }

func themesComeBack(a, b *rig) {
	a.themes()
	a.flag(corp, "system_default")
	a.flag(night, "system_dark")
	want := readAll(a.T, a.p)
	for _, res := range b.write(want) {
		if len(res.Omitted) > 0 {
			b.Errorf("%s: left out: %v", res.ID, res.Omitted)
		}
	}
	same(b.T, "restored", want, readAll(b.T, b.p))
	if b.sim != nil {
		b.sim.ResetLog()
	}
	b.write(want)
	same(b.T, "written again", want, readAll(b.T, b.p))
	if b.sim != nil && b.sim.Writes() != 1 {
		b.Errorf("%d writes for what is there already, want one import", b.sim.Writes())
	}
	want[corp] = edited(b.T, want[corp], "  is_system_default: true\n", "", "#aa3377", "#aa3378")
	want[twin] = edited(b.T, want[twin], "spec:\n", "spec:\n  is_system_default: true\n")
	want[night] = edited(b.T, want[night], "  is_system_dark: true\n", "")
	b.write(want)
	same(b.T, "moved", want, readAll(b.T, b.p))

	two := []*asset.Asset{edited(b.T, want[corp], "spec:\n", "spec:\n  is_system_default: true\n"), want[twin]}
	for _, res := range b.p.Import(b.Context(), two, nil) {
		if res.ID == twin && (res.Err == nil || !strings.Contains(res.Err.Error(), "one theme of a server can be that")) {
			b.Errorf("two defaults: %v", res.Err)
		}
	}
	b.write(want)
	same(b.T, "one again", want, readAll(b.T, b.p))

	if err := b.p.Delete(b.Context(), twin); err == nil || !strings.Contains(err.Error(), "system default") {
		b.Errorf("deleting the default: %v", err)
	}
	if err := b.p.Delete(b.Context(), night); err != nil {
		b.Error(err)
	}
	delete(want, night)
	same(b.T, "deleted", want, readAll(b.T, b.p))
}

// TestThemesOfTheServerStay: nothing writes or deletes them, whoever asks.
func TestThemesOfTheServerStay(t *testing.T) {
	onSimulators(t, "6", func(a, _ *rig) {
		for _, m := range a.rows(st.Theme) {
			id := asset.ID{Kind: "theme", UID: m["uuid"].(string)}
			if err := a.p.Delete(a.Context(), id); err != nil {
				a.Error(err)
			}
		}
		if n := len(a.rows(st.Theme)); n != 2 || a.sim.Count("DELETE", "") != 0 {
			a.Errorf("%d of 2 are left", n)
		}
	})
}

// TestFixedThemes: a server that keeps its themes in the configuration does not let
// anybody choose the default; what is left out is named.
func TestFixedThemes(t *testing.T) {
	a, b := simRig(t, versions[0]), simRig(t, versions[0], st.WithFixedThemes(), st.WithFirstID(70))
	a.themes()
	a.flag(corp, "system_default")
	for _, res := range b.write(readAll(t, a.p)) {
		switch {
		case res.ID != corp && len(res.Omitted) == 0:
		case len(res.Omitted) != 1 || res.Omitted[0].Path != "/spec/is_system_default" || !strings.Contains(res.Omitted[0].Text, "not enabled"):
			t.Errorf("%s: %v", res.ID, res.Omitted)
		}
	}
}

// TestThemeAndDashboardTogether: both changed in one import are both live, the theme
// under the dashboard; a dashboard of a theme of the server's own keeps it; and a
// connection that does not read themes keeps them too.
func TestThemeAndDashboardTogether(t *testing.T) {
	onSimulators(t, "6", themeAndDashboard)
}

func TestLiveThemeAndDashboardTogether(t *testing.T) {
	onLab(t, "6", themeAndDashboard)
}

func themeAndDashboard(a, _ *rig) {
	a.themes()
	a.write(one(bareDashboard(a.T, "  theme_uuid: "+corp.UID+"\n")))
	want := readAll(a.T, a.p)
	board := asset.ID{Kind: "dashboard", UID: "e9f7ada8-6fb6-47ad-a063-f42574b406e9"}
	if want[board] == nil || !strings.Contains(string(want[board].Content), "theme_uuid: "+corp.UID) || len(want[board].Refs) != 1 {
		a.Fatalf("the dashboard is\n%s", want[board].Content)
	}
	want[corp] = edited(a.T, want[corp], "#aa3377", "#00ff00")
	want[board] = edited(a.T, want[board], "title: Bare", "title: Themed")
	a.write(map[asset.ID]*asset.Asset{corp: want[corp], board: want[board]})
	same(a.T, "both", want, readAll(a.T, a.p))

	c := config(a.url)
	c.Kinds = []asset.Kind{"dashboard"}
	a.reconnect(c)
	want[board] = edited(a.T, want[board], "title: Themed", "title: Themed again")
	a.write(one(want[board]))
	a.reconnect(config(a.url))
	same(a.T, "without themes", want, readAll(a.T, a.p))

	var own string
	for _, m := range a.rows(st.Theme) {
		if m["is_system"] == true {
			own = m["uuid"].(string)
			a.call("PUT", fmt.Sprintf("/api/v1/dashboard/%v", a.rows(st.Dashboard)[0]["id"]), map[string]any{"theme_id": m["id"]})
		}
	}
	want[board] = edited(a.T, want[board], corp.UID, own, "title: Themed again", "title: Own")
	for _, res := range a.write(one(want[board])) {
		if len(res.Omitted) > 0 {
			a.Errorf("left out: %v", res.Omitted)
		}
	}
	same(a.T, "a theme of the server's", want, readAll(a.T, a.p))
}

// bareDashboard has no charts.
func bareDashboard(t *testing.T, more string) *asset.Asset {
	t.Helper()
	id := asset.ID{Kind: "dashboard", UID: "e9f7ada8-6fb6-47ad-a063-f42574b406e9"}
	text := `dashkeep: superset/1
kind: dashboard
uid: ` + id.UID + `
title: Bare
spec:
  position:
    DASHBOARD_VERSION_KEY: v2
    GRID_ID:
      children: []
      id: GRID_ID
      parents:
        - ROOT_ID
      type: GRID
    HEADER_ID:
      id: HEADER_ID
      meta: {}
      type: HEADER
    ROOT_ID:
      children:
        - GRID_ID
      id: ROOT_ID
      type: ROOT
  published: true
` + more
	return &asset.Asset{Info: asset.Info{ID: id, Title: "Bare"}, Path: "bare.yaml", Content: []byte(text)}
}

// TestNoThemesBefore6: the kind is not read and not written, by name; a dashboard
// comes without its theme, named once; and what is there is not held against it.
func TestNoThemesBefore6(t *testing.T) {
	for _, v := range []string{"5.0.0", "4.1.4"} {
		r := simRig(t, v)
		theme := &asset.Asset{Info: asset.Info{ID: corp, Title: "Corp"}, Path: "corp.yaml",
			Content: []byte("dashkeep: superset/1\nkind: theme\nuid: " + corp.UID + "\ntitle: Corp\nspec:\n  json_data: {}\n")}
		for _, res := range r.p.Import(t.Context(), []*asset.Asset{theme, bareDashboard(t, "  theme_uuid: "+corp.UID+"\n")}, nil) {
			switch {
			case res.ID == corp && (res.Err == nil || !strings.Contains(res.Err.Error(), "has no themes; they came with 6.0.0")):
				t.Errorf("%s: %v", v, res.Err)
			case res.ID != corp && (res.Err != nil || len(res.Omitted) != 1 || res.Omitted[0].Path != "/spec/theme_uuid"):
				t.Errorf("%s: %v, left out: %v", v, res.Err, res.Omitted)
			}
		}
		skipped := false
		for raw, err := range r.p.Export(t.Context(), nil) {
			var kind *asset.KindError
			switch {
			case errors.As(err, &kind):
				skipped = skipped || kind.Kind == "theme"
			case err != nil:
				t.Error(err)
			case !strings.Contains(fmt.Sprint(raw.Unread), "/spec/theme_uuid"):
				t.Errorf("%s: what it cannot show is %v", v, raw.Unread)
			}
		}
		if !skipped {
			t.Errorf("%s: themes are not said to be left out", v)
		}
		if r.sim.Count("", "/theme/") != 0 {
			t.Errorf("%s: it was asked for themes", v)
		}
	}
}
