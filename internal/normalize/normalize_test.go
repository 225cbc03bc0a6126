package normalize_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

const thing asset.Kind = "thing"

// toy is a table with one rule of each operation.
func toy() normalize.Rules {
	return normalize.Rules{Format: "toy/1", Kinds: map[asset.Kind]normalize.KindRules{thing: {
		UID: "uuid", Title: "name",
		Unread: []normalize.Field{{Name: "later", Why: "new servers only"}},
		Rules: []normalize.Rule{
			{Op: normalize.Drop, Path: "/version", Value: "1.0.0"},
			{Op: normalize.Drop, Path: "/**/noise"},
			{Op: normalize.Rename, Path: "/old", To: "new"},
			{Op: normalize.JSON, Path: "/json", Restore: true},
			{Op: normalize.Default, Path: "/note", Value: "null", Also: []string{`""`}, Restore: true},
			{Op: normalize.Default, Path: "/rows/*/flag", Value: "true", Restore: true},
			{Op: normalize.Default, Path: "/later", Value: "null", Restore: true, Since: "2.1.0"},
			{Op: normalize.SortBy, Path: "/rows", By: "name"},
			{Op: normalize.RefValue, Path: "/ids/*", Kind: thing},
			{Op: normalize.RefValue, Path: "/parked/*", Kind: thing, Missing: normalize.Park, Weak: true},
			{Op: normalize.RefKeys, Path: "/json/byid", Kind: thing},
			{Op: normalize.RefText, Path: "/text", Kind: thing, Match: regexp.MustCompile(`query_(\d+)`)},
			{Op: normalize.SortSet, Path: "/ids"},
			{Op: normalize.SortSet, Path: "/parked"},
			{Op: normalize.Depend, Path: "/parent_uuid", Kind: thing},
			{Op: normalize.Redact, Path: "/secret"},
			{Op: normalize.RedactKeys, Path: "/free"},
			{Op: normalize.RedactURL, Path: "/url"},
			{Op: normalize.RedactText, Path: ""},
		},
	}}}
}

func uid(i int) string { return fmt.Sprintf("a0000000-0000-4000-8000-%012d", i) }

// lookup: a server with the things 1 to 9.
func lookup(_ asset.Kind, row string) (string, bool) {
	i, err := strconv.Atoi(row)
	return uid(i), err == nil && i > 0 && i < 10
}

func raw(t testing.TB, text string) *asset.Raw {
	t.Helper()
	n, err := asset.Parse([]byte("uuid: " + uid(1) + "\nname: One\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return &asset.Raw{Info: asset.Info{ID: asset.ID{Kind: thing, UID: uid(1)}}, Doc: n, Source: "one.yaml", Lookup: lookup}
}

func canonical(t testing.TB, r *asset.Raw) (*asset.Asset, []asset.Note) {
	t.Helper()
	a, notes, err := normalize.Canonical(r, toy())
	if err != nil {
		t.Fatal(err)
	}
	return a, notes
}

const full = `version: 1.0.0
old: kept
json: '{"byid": {"3": true, "44": 1.0}}'
note: ''
later: null
rows: [{name: b, flag: true, noise: 1}, {name: a, flag: false}]
ids: [5, 2, 77]
parked: [88, 4]
text: select * from query_6 join "${ref:x"
parent_uuid: a0000000-0000-4000-8000-000000000007
secret: {a: s3cret, b: [x, 7], c: true}
free: {host: h, api_key: k, nested: [{token: t}]}
url: postgresql://u:p@h/db?sslmode=x&sslpassword=y
`

const wantFull = `dashkeep: toy/1
kind: thing
uid: a0000000-0000-4000-8000-000000000001
title: One
spec:
  free:
    api_key: XXXXXXXXXX
    host: h
    nested:
      - token: XXXXXXXXXX
  ids:
    - ref:thing:a0000000-0000-4000-8000-000000000002
    - ref:thing:a0000000-0000-4000-8000-000000000005
    - ref:thing:missing-77
  json:
    byid:
      ref:thing:a0000000-0000-4000-8000-000000000003: true
      ref:thing:missing-44: 1.0
  new: kept
  parent_uuid: a0000000-0000-4000-8000-000000000007
  parked:
    - ref:thing:a0000000-0000-4000-8000-000000000004
    - ref:thing:missing-88
  rows:
    - flag: false
      name: a
    - name: b
  secret:
    a: XXXXXXXXXX
    b:
      - XXXXXXXXXX
      - XXXXXXXXXX
    c: true
  text: select * from query_${ref:thing:a0000000-0000-4000-8000-000000000006} join "$${ref:x"
  url: postgresql://u:XXXXXXXXXX@h/db?sslmode=x&sslpassword=XXXXXXXXXX
`

func TestCanonical(t *testing.T) {
	r := raw(t, full)
	before, err := asset.Encode(r.Doc)
	if err != nil {
		t.Fatal(err)
	}
	a, notes := canonical(t, r)
	if string(a.Content) != wantFull {
		t.Errorf("got\n%s", a.Content)
	}
	if after, _ := asset.Encode(r.Doc); string(after) != string(before) {
		t.Error("the raw document was changed")
	}
	var refs []string
	for _, id := range a.Refs {
		refs = append(refs, strings.TrimLeft(id.UID[24:], "0"))
	}
	if !slices.Equal(refs, []string{"2", "3", "5", "6", "7"}) {
		t.Errorf("refs %v: the weak 4 is none", refs)
	}
	if len(a.Unread) != 0 || len(notes) != 9 {
		t.Errorf("unread %v, notes %v", a.Unread, notes)
	}
	if a, _ := canonical(t, raw(t, "x: 1\n")); !slices.Equal(a.Unread, []string{"/spec/later"}) {
		t.Errorf("unread %v", a.Unread)
	}
}

func TestDenormalize(t *testing.T) {
	a, _ := canonical(t, raw(t, full))
	doc, err := asset.ParseDocument("x.yaml", a.Content)
	if err != nil {
		t.Fatal(err)
	}
	server := normalize.Server{Row: func(id asset.ID, _ normalize.Missing) (string, bool) {
		i, err := strconv.Atoi(strings.TrimLeft(id.UID[24:], "0"))
		return strconv.Itoa(100 + i), err == nil && i != 5
	}}
	n, omitted, err := normalize.Denormalize(doc, toy().Kinds[thing], server)
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{"version": "1.0.0", "name": "One", "uuid": uid(1), "note": "null", "later": "null",
		"json": `{"byid": {"103": true}}`, "ids/0": "102", "parked/0": "104", "parked/1": "2000000088", "rows/1/flag": "true",
		"text": `select * from query_106 join "${ref:x"`} {
		if got := asset.Get(n, strings.Split(pointer, "/")...); got == nil || got.Value != want {
			t.Errorf("%s is %v, want %s", pointer, got, want)
		}
	}
	if ids := asset.Get(n, "ids"); len(ids.Content) != 1 {
		t.Errorf("%d ids", len(ids.Content))
	}
	var paths []string
	for _, o := range omitted {
		paths = append(paths, o.Path)
	}
	slices.Sort(paths)
	if want := []string{"/spec/ids", "/spec/ids", "/spec/json/byid/ref:thing:missing-44"}; !slices.Equal(paths, want) {
		t.Errorf("omitted %v", paths)
	}
}

func TestDenormalizeForAnOlderServer(t *testing.T) {
	for version, want := range map[string]string{"": "x", "2.1.0": "x", "2.1.3": "x", "10.0": "x", "3": "x", "2.0.9": "", "1.9": "", "2.1.0rc1": "x"} {
		doc := &asset.Document{Format: "toy/1", Kind: thing, UID: uid(1), Spec: asset.Map("later", "x")}
		n, omitted, err := normalize.Denormalize(doc, toy().Kinds[thing], normalize.Server{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		if asset.Text(asset.Get(n, "later")) != want || (len(omitted) == 0) != (want == "x") {
			t.Errorf("version %q: %v, omitted %v", version, asset.Get(n, "later"), omitted)
		}
	}
}

func TestParkedRowsReadBackAsTheSameReference(t *testing.T) {
	a, _ := canonical(t, raw(t, "parked: [2000000088]\n"))
	if !strings.Contains(string(a.Content), "ref:thing:missing-88\n") {
		t.Errorf("%s", a.Content)
	}
}

// A file that a person wrote by hand is the same as the canonical one.
func TestLoadForgivesFormOnly(t *testing.T) {
	a, _ := canonical(t, raw(t, full))
	loose := strings.NewReplacer("  new: kept\n", "  old: 'kept'\n  note: \"\"\n  version: 1.0.0\n", "    - name: b\n", "    - {flag: true, name: b}\n",
		"    - flag: false\n      name: a\n", "").Replace(string(a.Content))
	loose = strings.Replace(loose, "    - {flag: true, name: b}\n", "    - {flag: true, name: b}\n    - flag: false\n      name: a\n", 1)
	b, err := normalize.Load("dir/x.yaml", []byte(loose), toy())
	if err != nil {
		t.Fatal(err)
	}
	if string(b.Content) != string(a.Content) || b.Path != "dir/x.yaml" || !slices.Equal(a.Refs, b.Refs) {
		t.Errorf("refs %v, %v; got\n%s", a.Refs, b.Refs, b.Content)
	}
}

func TestLoadErrorsSayWhere(t *testing.T) {
	head := "dashkeep: toy/1\nkind: thing\nuid: u\ntitle: t\n"
	for text, want := range map[string]string{
		head + "spec: [1]\n":                                              "x.yaml:5:7:",
		head + "spec:\n  a: b: c\n":                                       "x.yaml:6:",
		strings.Replace(head, "toy/1", "toy/9", 1) + "spec: {}\n":         "dashkeep: toy/9",
		strings.Replace(head, "kind: thing", "kind: q", 1) + "spec: {}\n": `unknown kind "q"`,
		head + "spec:\n  a: &x 1\n":                                       "x.yaml:6:",
	} {
		_, err := normalize.Load("x.yaml", []byte(text), toy())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "x.yaml:") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCanonicalErrors(t *testing.T) {
	other := raw(t, "x: 1\n")
	other.ID.UID = uid(2)
	unknown := raw(t, "x: 1\n")
	unknown.ID.Kind = "else"
	twice := raw(t, "json: {byid: {'3': 1, 'ref:thing:"+uid(3)+"': 2}}\n")
	none := raw(t, "x: 1\n")
	none.Doc = asset.Seq()
	for i, r := range []*asset.Raw{other, unknown, twice, none} {
		if _, _, err := normalize.Canonical(r, toy()); err == nil {
			t.Errorf("case %d is no error", i)
		}
	}
}

// TestShuffled: the order of keys and of what the rules call a set never shows,
// and canonical text read again stays what it is.
func TestShuffled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfDistinct(rapid.IntRange(1, 20), rapid.ID[int]).Draw(t, "ids")
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-zA-Z0-9 äß日]{1,5}`), rapid.ID[string]).Draw(t, "names")
		seed := rapid.Uint64().Draw(t, "seed")
		build := func(shuffle bool) *asset.Raw {
			doc := asset.Map("uuid", uid(1), "name", "One")
			list, rows := asset.Seq(), asset.Seq()
			for _, i := range ids {
				list.Content = append(list.Content, asset.Int(i))
			}
			for i, n := range names {
				rows.Content = append(rows.Content, asset.Map("name", n, "flag", i%2 == 0))
			}
			asset.Put(doc, list, "ids")
			asset.Put(doc, rows, "rows")
			if shuffle {
				rng := rand.New(rand.NewPCG(seed, 1))
				for _, n := range []*yaml.Node{list, rows} {
					rng.Shuffle(len(n.Content), func(i, j int) { n.Content[i], n.Content[j] = n.Content[j], n.Content[i] })
				}
				rng.Shuffle(len(doc.Content)/2, func(i, j int) {
					doc.Content[2*i], doc.Content[2*j] = doc.Content[2*j], doc.Content[2*i]
					doc.Content[2*i+1], doc.Content[2*j+1] = doc.Content[2*j+1], doc.Content[2*i+1]
				})
			}
			return &asset.Raw{Info: asset.Info{ID: asset.ID{Kind: thing, UID: uid(1)}}, Doc: doc, Lookup: lookup}
		}
		a, _, errA := normalize.Canonical(build(false), toy())
		b, _, errB := normalize.Canonical(build(true), toy())
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if string(a.Content) != string(b.Content) {
			t.Fatalf("%s\n---\n%s", a.Content, b.Content)
		}
		c, err := normalize.Load("x.yaml", a.Content, toy())
		if err != nil {
			t.Fatal(err)
		}
		if string(c.Content) != string(a.Content) {
			t.Fatalf("read again:\n%s\n---\n%s", a.Content, c.Content)
		}
	})
}

// A value that nobody documented is named with its line, and nothing else happens to it.
func TestUnknownValues(t *testing.T) {
	kr := normalize.KindRules{Values: []normalize.Values{{Path: "/parts/*/sort", Known: []string{"bar", "line"}}, {Path: "/seen", Known: []string{"all"}}}}
	doc, err := asset.ParseDocument("x.yaml", []byte("dashkeep: toy/1\nkind: thing\nuid: u\ntitle: t\nspec:\n  parts:\n    - sort: bar\n    - sort: sankey\n    - sort: 7\n    - {}\n  seen: some\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range normalize.Unknown(doc, kr) {
		got = append(got, fmt.Sprintf("%d:%d %s", o.Line, o.Col, o.Path))
		if !strings.Contains(o.Text, "is no value that is documented for") {
			t.Error(o.Text)
		}
	}
	if want := []string{"8:13 /spec/parts/1/sort", "11:9 /spec/seen"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
