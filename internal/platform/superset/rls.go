package superset

import (
	"context"
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

// ruleRules: a row-level security rule names its datasets by reference, and its
// roles by name: most are Superset's own or not read, and a name says the same on
// every server.
func ruleRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "name",
		Rules: slices.Concat([]normalize.Rule{
			{Op: normalize.Drop, Path: "/id", Why: whyRow},
			{Op: normalize.RefValue, Path: "/tables/*", Kind: kindDataset, Why: whyRow},
			{Op: normalize.SortSet, Path: "/tables", Why: "a set"},
			{Op: normalize.Call, Path: "/roles", Hook: roleNames(), Why: "a role has to be there before the rule that names it"},
			{Op: normalize.SortSet, Path: "/roles", Why: "a set"},
			{Op: normalize.Default, Path: "/roles", Value: "[]", Also: []string{"null"}, Restore: true, Why: "none"},
			{Op: normalize.Default, Path: "/tables", Value: "[]", Also: []string{"null"}, Restore: true, Why: "none"},
		},
			blanks("/description", "/group_key"),
			[]normalize.Rule{{Op: normalize.RedactText, Path: "", Why: "a password inside SQL"}})}
}

// roleNames makes names of {id, name}, and a rule depend on roles that are assets.
func roleNames() *normalize.Hook {
	return &normalize.Hook{Canonical: func(d *normalize.Doc) error {
		list := asset.Get(d.Root, "roles")
		for i, n := range items(list) {
			if asset.IsMap(n) {
				list.Content[i] = asset.Str(asset.Text(asset.Get(n, "name")))
			}
			if name := asset.Text(list.Content[i]); name != "" && !isBuiltInRole(name) {
				d.Depend(asset.ID{Kind: kindRole, UID: nameUID(kindRole, name)})
			}
		}
		return nil
	}}
}

// ruleRecord reads and writes row-level security rules.
type ruleRecord struct{}

const rulesPath = "/api/v1/rowlevelsecurity/"

func (ruleRecord) read(ctx context.Context, c *conn, rows []*entry) ([]document, error) {
	return c.objects(ctx, rows, rulesPath, func(n *yaml.Node) *yaml.Node {
		tables := asset.Seq()
		for _, t := range items(asset.Get(n, "tables")) {
			tables.Content = append(tables.Content, asset.Get(t, "id"))
		}
		asset.Put(n, tables, "tables")
		return n
	})
}

func (ruleRecord) remove(ctx context.Context, c *conn, e *entry) error {
	return c.deleteRow(ctx, kindRule, e.row)
}

func (ruleRecord) write(ctx context.Context, im *importing, j *job, e *entry) error {
	if e == nil && len(items(asset.Get(j.node, "tables"))) == 0 {
		return errors.New("Superset takes a new row-level security rule only with a dataset, and none of its datasets is on the server")
	}
	ids, err := im.roleIDs(ctx)
	if err != nil {
		return fmt.Errorf("list the roles there are: %w", err)
	}
	rows := asset.Seq()
	for _, n := range items(asset.Get(j.node, "roles")) {
		id, ok := ids[asset.Text(n)]
		if !ok {
			im.omit(j.id(), "/spec/roles", fmt.Sprintf("role %q is not on the server: the rule does not name it until it is applied again with it", asset.Text(n)))
			continue
		}
		rows.Content = append(rows.Content, asset.Int(id))
	}
	asset.Put(j.node, rows, "roles")
	asset.Delete(j.node, "uuid")
	method, path := http.MethodPost, rulesPath
	if e != nil {
		method, path = http.MethodPut, rulesPath+strconv.Itoa(e.row)
	}
	_, err = im.sendObject(ctx, method, path, j)
	return err
}

// roleIDs are the rows of roles by name, asked for once, in the way that the rule's
// own form does: it works where the API of roles is off.
func (im *importing) roleIDs(ctx context.Context) (map[string]int, error) {
	if im.roles != nil {
		return im.roles, nil
	}
	ids := map[string]int{}
	for n := 0; ; n++ {
		var out struct {
			Count int `json:"count"`
			Rows  []struct {
				Text  string `json:"text"`
				Value int    `json:"value"`
			} `json:"result"`
		}
		q := fmt.Sprintf("(page:%d,page_size:%d)", n, pageSize)
		if err := im.c.http.JSON(ctx, apihttp.Request{Path: rulesPath + "related/roles", Query: rison(q)}, &out); err != nil {
			return nil, err
		}
		for _, r := range out.Rows {
			ids[r.Text] = r.Value
		}
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			break
		}
	}
	im.roles = ids
	return ids, nil
}
