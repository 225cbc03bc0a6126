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

// The roles that Superset makes and `superset init` gives their permissions
// again (sync_role_definitions, security/manager.py): they differ per version and
// are no content. Public is another matter: unless PUBLIC_ROLE_LIKE is set its
// permissions are what people gave it, so it is read; but it is never deleted.
var (
	builtInRoles = []string{"Admin", "Alpha", "Gamma", "sql_lab"}
	publicRole   = "Public"
)

func isBuiltInRole(name string) bool { return slices.Contains(builtInRoles, name) }

// roleRules: a role is its permissions. Who has it is not kept: people differ per
// server.
func roleRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "name",
		Rules: []normalize.Rule{
			{Op: normalize.Call, Path: "/permissions", Hook: grantKeys(), Why: "data permissions name databases and datasets by name and row id; a mapping, so that two people's grants merge"},
			{Op: normalize.Default, Path: "/permissions/*", Value: "false", Why: "not granted is the same as not listed"},
			{Op: normalize.Default, Path: "/permissions", Value: "{}", Also: []string{"null"}, Why: "no permissions"},
		}}
}

// roleRecord reads and writes roles by the API that Flask-AppBuilder has for them, on by
// default from 6.0.0, before with FAB_ADD_SECURITY_API.
type roleRecord struct{}

const rolesPath = "/api/v1/security/roles/"

func (roleRecord) read(ctx context.Context, c *conn, rows []*entry) ([]document, error) {
	var names map[string]int // databases; asked for when needed
	var docs []document
	for _, e := range rows {
		path := rolesPath + strconv.Itoa(e.row) + "/permissions/"
		var out struct {
			Rows []grant `json:"result"`
		}
		err := c.http.JSON(ctx, apihttp.Request{Path: path}, &out)
		if hasStatus(err, http.StatusNotFound) {
			continue
		}
		if err != nil && !isAnswer(err) {
			return nil, err
		}
		if err == nil && names == nil && slices.ContainsFunc(out.Rows, grant.namesDatabase) {
			if names, err = c.databaseNames(ctx); err != nil {
				return nil, err
			}
		}
		if err != nil {
			docs = append(docs, document{id: e.info.ID, title: e.info.Title, err: err})
			continue
		}
		list := asset.Seq()
		for _, g := range out.Rows {
			list.Content = append(list.Content, g.node(names))
		}
		docs = append(docs, recordDocument(e, asset.Map("name", e.info.Title, "permissions", list)))
	}
	return docs, nil
}

// listPath is where a kind is listed. From 6.0.0 roles have a second list, which
// shows what they may do: a change of that is seen by the cheap question.
func (c *conn) listPath(ctx context.Context, t trait) string {
	version := c.version(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.kind != kindRole || c.plainRoles || version == "" || normalize.Older(version, "6.0.0") {
		return t.endpoint()
	}
	return t.endpoint() + "search/"
}

// listsPlain reports whether the second list of roles is not for this account, and
// goes without it from then on.
func (c *conn) listsPlain(err error) bool {
	if !hasStatus(err, http.StatusForbidden) && !hasStatus(err, http.StatusNotFound) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plainRoles = true
	return true
}

// databaseNames lists the databases by name.
func (c *conn) databaseNames(ctx context.Context) (map[string]int, error) {
	rows, err := c.listKind(ctx, kindDatabase)
	names := make(map[string]int, len(rows))
	for _, r := range rows {
		names[r.Database] = r.ID
	}
	return names, err
}

// remove deletes a role. Rules of row-level security lose it without a word.
func (roleRecord) remove(ctx context.Context, c *conn, e *entry) error {
	if e.info.Title == publicRole {
		return errors.New("Superset needs the role Public; to leave nothing allowed to people who are not logged in, empty its permissions")
	}
	return c.deleteRow(ctx, kindRole, e.row)
}

func (roleRecord) write(ctx context.Context, im *importing, j *job, e *entry) error {
	ids, err := im.grantIDs(ctx, j)
	if err != nil {
		return err
	}
	row := 0
	if e != nil {
		row = e.row
	} else {
		var made struct {
			ID int `json:"id"`
		}
		if err := im.c.http.Send(ctx, http.MethodPost, rolesPath, map[string]any{"name": j.doc.Title}, &made); err != nil {
			return err
		}
		row = made.ID
	}
	err = im.c.http.Send(ctx, http.MethodPost, rolesPath+strconv.Itoa(row)+"/permissions", map[string]any{"permission_view_menu_ids": ids}, nil)
	if err != nil && e == nil {
		return fmt.Errorf("the role was made, but has no permissions: %w", err)
	}
	return err
}

// grantIDs are the rows of the job's permissions on this server. What the server
// does not know is left out and named.
func (im *importing) grantIDs(ctx context.Context, j *job) ([]int, error) {
	if im.grants == nil {
		known, err := im.c.grants(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the permissions there are: %w", err)
		}
		im.grants = known
	}
	ids := []int{}
	for key := range asset.Each(asset.Get(j.doc.Spec, "permissions")) {
		at := asset.Pointer("spec", "permissions", key)
		w, why := im.wanted(key)
		found := im.grants[w]
		switch {
		case why != "":
			im.omit(j.id(), at, why)
		case len(found) == 0:
			im.omit(j.id(), at, "this server"+im.versionText()+" has no such permission")
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	return ids, nil
}

// wanted is what a key of the canonical document stands for on this server. why
// says what there is not.
func (im *importing) wanted(key string) (w target, why string) {
	permission, view, ok := cutGrant(key)
	if !ok {
		return w, "it does not read \"permission on view\""
	}
	w.permission = permission
	for _, p := range asset.SplitText(view) {
		if p.Ref == "" {
			w.view += p.Text
			continue
		}
		id, ok := asset.ParseRef(p.Ref)
		e, there := im.index.get(id)
		switch {
		case !ok:
			return w, "it refers to nothing"
		case !there:
			return w, fmt.Sprintf("%s %s is not on the server", id.Kind, id.UID)
		case view == "${"+p.Ref+"}":
			w.kind, w.row = id.Kind, e.row
		default:
			w.view += "[" + e.info.Title + "]"
		}
	}
	return w, ""
}

// grants lists every permission there is, by what it means.
func (c *conn) grants(ctx context.Context) (map[target][]int, error) {
	rows, err := everyRow[grantRow](ctx, c, "/api/v1/security/permissions-resources/", "id", "id,permission.name,view_menu.name")
	out := make(map[target][]int, len(rows))
	for _, r := range rows {
		t := targetOf(grant{r.Permission.Name, r.View.Name})
		out[t] = append(out[t], r.ID)
	}
	return out, err
}

type grantRow struct {
	ID         int `json:"id"`
	Permission struct {
		Name string `json:"name"`
	} `json:"permission"`
	View struct {
		Name string `json:"name"`
	} `json:"view_menu"`
}

// grantKeys is the hook between the two forms of permissions: a list from a
// server (grant.node), a mapping in a document.
func grantKeys() *normalize.Hook {
	return &normalize.Hook{Canonical: func(d *normalize.Doc) error {
		list := asset.Get(d.Root, "permissions")
		if !asset.IsSeq(list) {
			for key := range asset.Each(list) {
				for _, p := range asset.SplitText(key) {
					if id, ok := asset.ParseRef(p.Ref); ok {
						d.Depend(id)
					}
				}
			}
			return nil
		}
		if !d.Live {
			return fmt.Errorf("permissions must be a mapping of \"permission on view\" to true")
		}
		out := asset.Map()
		for _, n := range list.Content {
			asset.Put(out, asset.Bool(true), grantKey(d, n))
		}
		asset.Put(d.Root, out, "permissions")
		return nil
	}}
}

func grantKey(d *normalize.Doc, n *yaml.Node) string {
	start := asset.Text(asset.Get(n, "permission")) + grantOn
	if row := asset.Get(n, "row"); row != nil {
		k := asset.Kind(asset.Text(asset.Get(n, "kind")))
		return asset.JoinText(asset.TextPart{Text: start}, asset.TextPart{Ref: d.Refer(k, row.Value, "/permissions", false)}, asset.TextPart{Text: asset.Text(asset.Get(n, "rest"))})
	}
	return asset.EscapeText(start + asset.Text(asset.Get(n, "view")))
}
