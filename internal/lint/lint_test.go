package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
)

func doc(kind, uid, spec string) string {
	return fmt.Sprintf("dashkeep: superset/1\nkind: %s\nuid: %s\ntitle: T\nspec:\n%s", kind, uid, spec)
}

func codes(fs []lint.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%s:%d:%s", f.Path, f.Line, f.Code))
	}
	return strings.Join(out, " ")
}

func TestCheck(t *testing.T) {
	good := doc("chart", "c1", "  dataset: ref:dataset:d1\n")
	dataset := doc("dataset", "d1", "  sql: SELECT 1\n")
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"good", map[string]string{"prod/charts/a.c1.yaml": good, "prod/datasets/d.d1.yaml": dataset}, ""},
		{"sharded", map[string]string{"prod/charts/c1/a.c1.yaml": good, "prod/datasets/d.d1.yaml": dataset}, ""},
		{"not canonical", map[string]string{"prod/datasets/d.yaml": doc("dataset", "d1", "  sql: \"SELECT 1\"\n")}, "prod/datasets/d.yaml:6:canonical"},
		{"comment", map[string]string{"prod/datasets/d.yaml": "# hi\n" + dataset}, "prod/datasets/d.yaml:1:canonical"},
		{"wrong folder", map[string]string{"prod/charts/d.yaml": dataset}, "prod/charts/d.yaml:0:folder"},
		{"outside", map[string]string{"prod/d.yaml": dataset}, "prod/d.yaml:0:folder"},
		{"wrong ending", map[string]string{"prod/datasets/d.yml": dataset}, "prod/datasets/d.yml:0:folder"},
		{"duplicate uid", map[string]string{"prod/datasets/a.yaml": dataset, "prod/datasets/b.yaml": dataset}, "prod/datasets/b.yaml:0:duplicate-uid"},
		{"same uid on two instances", map[string]string{"prod/datasets/a.yaml": dataset, "stage/datasets/b.yaml": dataset}, ""},
		{"case clash", map[string]string{"prod/datasets/A.yaml": dataset, "prod/datasets/a.yaml": doc("dataset", "d2", "  a: 1\n")}, "prod/datasets/a.yaml:0:path-clash"},
		{"dangling", map[string]string{"prod/charts/a.yaml": good}, "prod/charts/a.yaml:6:dangling-ref"},
		{"reference into another instance", map[string]string{"prod/charts/a.yaml": good, "stage/datasets/d.yaml": dataset}, "prod/charts/a.yaml:6:dangling-ref"},
		{"missing", map[string]string{"prod/charts/a.yaml": doc("chart", "c", "  a: 1\n  d: ref:dataset:missing-7\n  e: ref:dataset:missing-7\n")}, "prod/charts/a.yaml:7:missing-ref"},
		{"dangling in text and key", map[string]string{"prod/charts/a.yaml": doc("chart", "c", "  ref:chart:x: 1\n  sql: FROM ${ref:query:y} $${ref:query:z}\n")}, "prod/charts/a.yaml:6:dangling-ref prod/charts/a.yaml:7:dangling-ref"},
		{"merge marker", map[string]string{"prod/charts/a.yaml": "dashkeep: superset/1\n<<<<<<< HEAD\nkind: a\n=======\nkind: b\n>>>>>>> x\n"}, "prod/charts/a.yaml:2:merge-marker"},
		{"syntax", map[string]string{"prod/charts/a.yaml": "dashkeep: superset/1\nkind: &a chart\n"}, "prod/charts/a.yaml:2:syntax"},
		{"unknown header key", map[string]string{"prod/datasets/a.yaml": dataset + "owner: me\n"}, "prod/datasets/a.yaml:7:header"},
		{"missing header key", map[string]string{"prod/datasets/a.yaml": "kind: dataset\nuid: x\ntitle: T\nspec: {}\n"}, "prod/datasets/a.yaml:1:header"},
		{"secret", map[string]string{"prod/databases/a.yaml": doc("database", "x", "  sqlalchemy_uri: postgresql://u:hunter2@h/db\n")}, "prod/databases/a.yaml:6:secret"},
		{"secret in a broken file", map[string]string{"prod/databases/a.yaml": "a: [\nuri: mysql://u:hunter2@h/db\n"}, "prod/databases/a.yaml:2:syntax prod/databases/a.yaml:2:secret"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			for p, s := range tt.files {
				files[p] = []byte(s)
			}
			got := lint.Check(files, lint.Options{})
			if codes(got) != tt.want {
				t.Errorf("%s\nwant %s\n%v", codes(got), tt.want, got)
			}
			for _, f := range got {
				if f.Fixable != (f.Code == lint.CodeCanonical) || f.Message == "" || strings.Contains(f.String(), "hunter2") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	chart := doc("chart", "c1", "  dataset: ref:dataset:d1\n  params:\n    slice_id: 17\n    width: 17\n")
	files := map[string][]byte{"a/b/charts/x.yaml": []byte(chart)}
	if got := codes(lint.Check(files, lint.Options{Roots: []string{"a", "a/b"}, Known: func(root string, id asset.ID) bool { return root == "a/b" && id.UID == "d1" }})); got != "" {
		t.Error(got)
	}
	if got := codes(lint.Check(files, lint.Options{Roots: []string{"a"}})); got != "a/b/charts/x.yaml:0:folder a/b/charts/x.yaml:6:dangling-ref" {
		t.Error(got)
	}
	rows := func(format string, kind asset.Kind, key string) bool {
		return format == "superset/1" && kind == "chart" && key == "slice_id"
	}
	if got := codes(lint.Check(files, lint.Options{RowIDs: rows, Known: func(string, asset.ID) bool { return true }})); got != "a/b/charts/x.yaml:8:row-id" {
		t.Error(got)
	}
	root := map[string][]byte{"charts/x.yaml": []byte(doc("chart", "c1", "  a: 1\n"))}
	if got := codes(lint.Check(root, lint.Options{Roots: []string{"."}})); got != "" {
		t.Error(got)
	}
}

func TestFix(t *testing.T) {
	canonical, sloppy := doc("chart", "c1", "  a: 'yes'\n"), "spec: {a: \"yes\"} # why\nuid: c1\nkind: chart\ntitle: T\ndashkeep: superset/1\n"
	got := lint.Fix(map[string][]byte{"x/charts/a.yaml": []byte(canonical), "x/charts/b.yaml": []byte(sloppy), "x/charts/c.yaml": []byte("a: [\n")})
	if len(got) != 1 || string(got["x/charts/b.yaml"]) != canonical {
		t.Errorf("%q", got)
	}
	if again := lint.Fix(got); len(again) != 0 {
		t.Errorf("fixed twice: %q", again)
	}
	if f := lint.Check(got, lint.Options{}); len(f) != 0 {
		t.Errorf("after the fix: %v", f)
	}
}
