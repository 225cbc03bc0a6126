package superset_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	st "github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
	"github.com/dashkeep/dashkeep/internal/secret"
)

const warehouse, second = "a1c6bae0-a460-4a91-93d9-88b934fdd0f4", "b1c6bae0-a460-4a91-93d9-88b934fdd0f4"

// queries are what people save in SQL Lab: three of one label, two of them in one
// schema, with everything that a query can have.
func (r *rig) queries(db int) {
	r.Helper()
	for i, schema := range []any{"prod", "prod", "staging", nil} {
		label, fields := "Same label", map[string]any{"db_id": db, "schema": schema, "sql": fmt.Sprintf("select %d,\n  '{{ x }}'\nfrom t\n", i)}
		switch i {
		case 1:
			fields["template_parameters"], fields["extra_json"], fields["description"] = `{"x": [1.0, "é"]}`, `{"autorun": true}`, "two"
			fields["catalog"] = "hive"
		case 3:
			label = "Requête / 集計"
			fields["template_parameters"] = "not json"
		}
		fields["label"] = label
		r.call("POST", "/api/v1/saved_query/", fields)
	}
}

// TestF8_QueriesOfOneLabel: of three queries of one label a joint export of the
// server loses one without a word; all are read, once, and a look when nothing
// changed costs one list request and no export.
func TestF8_QueriesOfOneLabel(t *testing.T) {
	onSimulators(t, "", func(a, _ *rig) { queriesOfOneLabel(a) })
}

func TestLiveF8_QueriesOfOneLabel(t *testing.T) {
	onLab(t, "", func(a, _ *rig) { queriesOfOneLabel(a) })
}

func queriesOfOneLabel(r *rig) {
	r.queries(r.connection("WH", warehouse))
	joint := "("
	for _, row := range r.rows(st.SavedQuery) {
		joint += fmt.Sprint(row["id"], ",")
	}
	status, zip, err := r.api.Do(r.Context(), "GET", "/api/v1/saved_query/export/?q="+url.QueryEscape("!"+strings.TrimSuffix(joint, ",")+")"), nil)
	if err != nil || status != http.StatusOK || strings.Count(string(zip), "label: ") != 3 {
		r.Fatalf("the server's own export holds %d of 4 queries, 3 were expected: %d %v", strings.Count(string(zip), "label: "), status, err)
	}
	all := of(readAll(r.T, r.p), "saved_query")
	if len(all) != 4 {
		r.Fatalf("%d queries were read, want 4", len(all))
	}
	text := ""
	for _, a := range all {
		text += string(a.Content)
	}
	for _, want := range []string{"\ntitle: Requête / 集計\n", "  sql: |\n    select 1,\n      '{{ x }}'\n    from t\n", "  template_parameters:\n    x:\n      - 1.0\n      - é\n",
		"  template_parameters: not json\n", "  extra:\n    autorun: true\n", "  catalog: hive\n"} {
		if strings.Count(text, want) != 1 {
			r.Errorf("%q is not there once:\n%s", want, text)
		}
	}
	r.looks(all)
}

// looks asks cheaply: at first for everything, then when nothing changed, in this
// run and in a new one, then after an edit, a deletion and a new query.
func (r *rig) looks(all map[asset.ID]*asset.Asset) {
	first, got := r.look(nil)
	same(r.T, "the first look", all, of(got, "saved_query"))
	seen := first.Seen()
	quiet := func(what string) {
		r.Helper()
		if r.sim != nil {
			r.sim.ResetLog()
		}
		ch, _ := r.look(seen)
		seen = ch.Seen()
		if ch.All != "" || len(ch.Changed) != 0 {
			r.Errorf("%s: nothing changed, and it says %q %v", what, ch.All, ch.Changed)
		}
		if r.sim != nil && (r.sim.Count("GET", "/saved_query/") != 1 || r.sim.Count("", "/export/") != 0) {
			r.Errorf("%s: %d requests for saved queries and %d exports, want one list", what, r.sim.Count("GET", "/saved_query/"), r.sim.Count("", "/export/"))
		}
	}
	changed := func(what string, want int) map[asset.ID]*asset.Asset {
		r.Helper()
		ch, got := r.look(seen)
		seen = ch.Seen()
		if ch.All != "" || len(ch.Changed) != want || len(of(got, "saved_query")) != want {
			r.Errorf("%s: %q, %v changed, %d read, want %d", what, ch.All, ch.Changed, len(got), want)
		}
		return got
	}
	quiet("the same run")
	r.reconnect(config(r.url))
	quiet("a new run")
	rows := r.rows(st.SavedQuery)
	r.call("PUT", fmt.Sprintf("/api/v1/saved_query/%v", rows[0]["id"]), map[string]any{"template_parameters": `{"z": 2}`})
	r.reconnect(config(r.url))
	for id, a := range changed("an edit of the parameters", 1) {
		if all[id] == nil || !strings.Contains(string(a.Content), "z: 2") {
			r.Errorf("%s is\n%s", id, a.Content)
		}
	}
	quiet("after an edit")
	r.call("DELETE", fmt.Sprintf("/api/v1/saved_query/%v", rows[2]["id"]), nil)
	ch, _ := r.look(seen)
	if seen = ch.Seen(); len(ch.Listed) != 4 { // three and the connection
		r.Errorf("%d are listed after a deletion: %v", len(ch.Listed), ch.Listed)
	}
	db, _ := rows[0]["database"].(map[string]any)
	r.queries(int(db["id"].(float64)))
	changed("four new ones", 4)
	quiet("at the end")
}

// TestQueriesComeBack: into an empty server with other ids, and over what is there.
func TestQueriesComeBack(t *testing.T)     { onSimulators(t, "", queriesComeBack) }
func TestLiveQueriesComeBack(t *testing.T) { onLab(t, "", queriesComeBack) }

func queriesComeBack(a, b *rig) {
	a.queries(a.connection("WH", warehouse))
	a.connection("WH2", second)
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
	b.write(of(want, "saved_query"))
	same(b.T, "written again", want, readAll(b.T, b.p))
	if b.sim != nil && b.sim.Writes() != 1 {
		b.Errorf("%d writes for what is there already, want one import", b.sim.Writes())
	}
	for id, q := range of(want, "saved_query") {
		if !strings.Contains(string(q.Content), "catalog: hive") {
			continue
		}
		bare := edited(b.T, q, "  catalog: hive\n", "", "  description: two\n", "", "  extra:\n    autorun: true\n", "",
			"  template_parameters:\n    x:\n      - 1.0\n      - é\n", "", warehouse, second)
		b.write(one(bare))
		want[id] = bare
		same(b.T, "bare, in another database", want, readAll(b.T, b.p))
		if err := b.p.Delete(b.Context(), id); err != nil {
			b.Error(err)
		}
		delete(want, id)
		same(b.T, "deleted", want, readAll(b.T, b.p))
		b.write(one(q))
		want[id] = q
		same(b.T, "back", want, readAll(b.T, b.p))
	}
}

// TestQueriesOfOthers: Superset shows saved queries to nobody but their maker. One
// of the same uuid that somebody else made is not overwritten.
func TestQueriesOfOthers(t *testing.T) {
	onSimulators(t, "", func(a, b *rig) {
		a.queries(a.connection("WH", warehouse))
		want := readAll(a.T, a.p)
		mia := simRig(a.T, a.version, st.WithUsers(st.User{Username: "mia", Password: "x", First: "Mia", Last: "Öz"}))
		mia.write(want) // as admin
		c := config(mia.url)
		c.Auth.Username, c.Auth.Password = "mia", secret.Literal("x")
		mia.reconnect(c)
		if got := of(readAll(mia.T, mia.p), "saved_query"); len(got) != 0 {
			mia.Errorf("mia reads %d queries of the administrator's", len(got))
		}
		before := mia.sim.Objects(st.SavedQuery)
		for _, res := range mia.p.Import(mia.Context(), sorted(of(want, "saved_query")), nil) {
			if res.Err == nil || !strings.Contains(res.Err.Error(), "another account made it") {
				mia.Errorf("%s: %v", res.ID, res.Err)
			}
		}
		if after := mia.sim.Objects(st.SavedQuery); fmt.Sprint(before) != fmt.Sprint(after) {
			mia.Errorf("the administrator's queries are\n%v\nwere\n%v", after, before)
		}
	})
}

// TestQueryWithoutLabel: the server answers its export with 500, and that of
// everything too. What is known keeps its name; what is not makes nothing absent.
func TestQueryWithoutLabel(t *testing.T) {
	onSimulators(t, "", func(a, _ *rig) {
		a.queries(a.connection("WH", warehouse))
		ch, got := a.look(nil)
		seen := ch.Seen()
		row := a.rows(st.SavedQuery)[0]
		a.call("PUT", fmt.Sprintf("/api/v1/saved_query/%v", row["id"]), map[string]any{"label": nil})

		a.reconnect(config(a.url))
		ch, err := a.p.(changer).Changed(a.Context(), seen)
		if err != nil || ch.All != "" || len(ch.Changed) != 1 || len(ch.Listed) != 5 {
			a.Fatalf("%+v, %v", ch, err)
		}
		for _, err := range ch.Export(a.Context(), ch.Changed) {
			var one *asset.Error
			if !errors.As(err, &one) || got[one.Info.ID] == nil {
				a.Errorf("the known one: %v", err)
			}
		}

		a.reconnect(config(a.url))
		skipped, read := "", 0
		for raw, err := range a.p.Export(a.Context(), nil) {
			var kind *asset.KindError
			switch {
			case err == nil:
				read++
				if raw.ID.Kind == "saved_query" {
					a.Errorf("%s was read", raw.ID)
				}
			case errors.As(err, &kind) && kind.Kind == "saved_query":
				skipped = kind.Why
			case errors.As(err, &kind):
			default:
				a.Error(err)
			}
		}
		if read != 1 || !strings.Contains(skipped, fmt.Sprintf("row %v", row["id"])) {
			a.Errorf("%d assets were read, saved queries were skipped because %q", read, skipped)
		}
		ch, err = a.p.(changer).Changed(a.Context(), nil)
		if err != nil || ch.All == "" {
			a.Errorf("a first look: %+v, %v", ch, err)
		}
		id := asset.ID{Kind: "saved_query", UID: warehouse}
		if err := a.p.Delete(a.Context(), id); err == nil {
			a.Error("a query that cannot be looked up is said to be deleted")
		}
	})
}

// TestQueriesAreNotForEveryone: an account that may not list saved queries reads the
// rest, and none of them is absent.
func TestQueriesAreNotForEveryone(t *testing.T) {
	onSimulators(t, "", func(a, _ *rig) {
		r := simRig(a.T, a.version, st.WithUsers(st.User{Username: "bot", Password: "x", Role: st.Alpha}))
		r.queries(r.connection("WH", warehouse))
		c := config(r.url)
		c.Auth.Username, c.Auth.Password = "bot", secret.Literal("x")
		r.reconnect(c)
		var skipped []asset.Kind
		for _, err := range r.p.Export(r.Context(), nil) {
			var kind *asset.KindError
			if errors.As(err, &kind) && strings.Contains(kind.Why, "this account may not list them") {
				skipped = append(skipped, kind.Kind)
			}
		}
		if !slices.Equal(skipped, []asset.Kind{"saved_query"}) {
			r.Errorf("skipped %v", skipped)
		}
		ch, err := r.p.(changer).Changed(r.Context(), nil)
		if err != nil {
			r.Fatal(err)
		}
		for range ch.Export(r.Context(), nil) {
			continue
		}
		ch, err = r.p.(changer).Changed(r.Context(), ch.Seen())
		if err != nil || ch.All != "" || !slices.ContainsFunc(ch.Skipped, func(k asset.KindError) bool { return k.Kind == "saved_query" }) {
			r.Errorf("the next look: %+v, %v", ch, err)
		}
	})
}

// TestReusedRowIsAnotherQuery: SQLite gives the row id of a deleted query to the
// next one, which has another uuid.
func TestReusedRowIsAnotherQuery(t *testing.T) {
	r := simRig(t, versions[0])
	db := r.connection("WH", warehouse)
	r.queries(db)
	ch, got := r.look(nil)
	seen := ch.Seen()
	last := r.rows(st.SavedQuery)[3]
	r.call("DELETE", fmt.Sprintf("/api/v1/saved_query/%v", last["id"]), nil)
	r.sim.ReuseRow(st.SavedQuery)
	r.call("POST", "/api/v1/saved_query/", map[string]any{"db_id": db, "label": last["label"], "sql": last["sql"]})
	if again := r.rows(st.SavedQuery)[3]; again["id"] != last["id"] {
		t.Fatalf("row %v, want %v", again["id"], last["id"])
	}
	ch, fresh := r.look(seen)
	for id := range of(fresh, "saved_query") {
		if got[id] != nil {
			t.Errorf("%s is the deleted one's", id)
		}
	}
	if len(ch.Changed) != 1 || len(of(fresh, "saved_query")) != 1 {
		t.Errorf("changed: %v", ch.Changed)
	}
}

// TestQuerySecretsAreMasked: a password in the SQL does not reach Git, and is not
// written back as a mask.
func TestQuerySecretsAreMasked(t *testing.T) {
	r := simRig(t, versions[0])
	db := r.connection("WH", warehouse)
	r.call("POST", "/api/v1/saved_query/", map[string]any{"db_id": db, "label": "leaky",
		"sql": "select dblink('postgresql://bob:hunter22secret@db/x')", "template_parameters": `{"u": "mysql://bob:hunter22secret@db/x"}`})
	for id, a := range of(readAll(t, r.p), "saved_query") {
		if strings.Contains(string(a.Content), "hunter22") || strings.Count(string(a.Content), normalize.Mask) != 2 {
			t.Errorf("%s", a.Content)
		}
		res := r.p.Import(t.Context(), []*asset.Asset{edited(t, a, "title: leaky", "title: less leaky")}, nil)[0]
		if res.Err != nil && !strings.Contains(res.Err.Error(), "secret") {
			t.Error(res.Err)
		}
		o, _ := r.sim.Object(st.SavedQuery, id.UID)
		if s := fmt.Sprint(o.Fields["sql"], o.Fields["template_parameters"]); strings.Contains(s, normalize.Mask) || strings.Count(s, "hunter22secret") != 2 {
			t.Errorf("the server holds %s", s)
		}
	}
}
