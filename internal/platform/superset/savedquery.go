package superset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

func savedQueryRules() normalize.KindRules {
	return normalize.KindRules{UID: "uuid", Title: "label", Access: accessKeys(kindSavedQuery),
		Unread: []normalize.Field{
			{Name: "template_parameters", Why: "in no export; read from the query itself"},
			{Name: "extra", Why: "in no export; read from the list"},
		},
		Rules: slices.Concat([]normalize.Rule{
			version,
			{Op: normalize.JSON, Path: "/template_parameters", Restore: true, Why: "JSON text"},
			{Op: normalize.Default, Path: "/template_parameters", Value: "null", Also: []string{`""`, "{}"}, Restore: true, Why: "no parameters; written by PUT, the importer does not know them"},
			{Op: normalize.Default, Path: "/extra", Value: "{}", Also: []string{"null"}, Restore: true, Why: "the database column's default; written by PUT, the importer does not know it"},
		},
			blanks("/catalog", "/schema", "/description"),
			[]normalize.Rule{
				{Op: normalize.RedactText, Path: "", Why: "a password inside SQL or a link"},
				{Op: normalize.Depend, Path: "/database_uuid", Kind: kindDatabase, Why: "required by the importer"},
			})}
}

// completeQueries adds what exports of saved queries leave out: the list shows
// extra, the query itself template_parameters (4.1.4 to 6.1.0).
func completeQueries(ctx context.Context, r *reading) error {
	ids := r.readOf(kindSavedQuery)
	entries, err := r.listed(ctx, kindSavedQuery, ids)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(naming)
	for _, id := range ids {
		e := entries[id]
		if e == nil { // gone, which is found out later
			delete(r.docs, id)
			continue
		}
		g.Go(func() error {
			params, err := r.c.templateParameters(gctx, e.row)
			mu.Lock()
			defer mu.Unlock()
			d := r.docs[id]
			var answer *apihttp.Error
			switch {
			case errors.As(err, &answer) && answer.Status == http.StatusNotFound:
				delete(r.docs, id)
				return nil
			case err != nil && !splits(err):
				return err
			case err != nil:
				d.err = fmt.Errorf("read its template parameters: %w", err)
			default:
				d.addQueryParts(params, e.extra)
			}
			r.docs[id] = d
			return nil
		})
	}
	return g.Wait()
}

func (d *document) addQueryParts(params, extra string) {
	asset.Put(d.node, asset.Str(params), "template_parameters")
	if extra != "" {
		n, err := asset.FromJSON(extra)
		if err != nil {
			d.err = fmt.Errorf("%s: extra: %w", d.path, err)
			return
		}
		asset.Put(d.node, n, "extra")
	}
	d.digest = sha256.Sum256(fmt.Appendf(d.digest[:], "%q%q", params, extra))
}

func (c *conn) templateParameters(ctx context.Context, row int) (string, error) {
	var out struct {
		Result struct {
			Params string `json:"template_parameters"`
		} `json:"result"`
	}
	err := c.http.JSON(ctx, apihttp.Request{Path: traitOf(kindSavedQuery).endpoint() + strconv.Itoa(row)}, &out)
	return out.Result.Params, err
}

// aside takes out of what is sent to the importer the fields that it does not
// know although the server holds them; they are written to the asset afterwards.
func aside(node *yaml.Node, k asset.Kind, version string) map[string]*yaml.Node {
	var fields []string
	switch k {
	case kindSavedQuery:
		fields = []string{"template_parameters", "extra"}
		if version != "" && normalize.Older(version, "5.0.0") {
			fields = append(fields, "catalog") // 4.1.4 exports it and refuses it back (queries/saved_queries/schemas.py)
		}
	case kindTheme:
		for _, f := range themeFlags() {
			fields = append(fields, f.field)
		}
	}
	out := map[string]*yaml.Node{}
	for _, f := range fields {
		if n := asset.Get(node, f); n != nil {
			out[f] = n
			asset.Delete(node, f)
		}
	}
	return out
}

// finishQueries writes what the importer does not take.
func (im *importing) finishQueries(ctx context.Context, jobs []*job) {
	wrote := false
	for _, j := range jobs {
		e, ok := im.index.get(j.id())
		if !ok || im.results[j.id()].Err != nil {
			continue
		}
		body, err := im.queryChanges(ctx, j, e)
		if err == nil && len(body) > 0 {
			wrote = true
			err = im.c.http.Send(ctx, http.MethodPut, traitOf(kindSavedQuery).endpoint()+strconv.Itoa(e.row), body, nil)
		}
		if _, put := body["catalog"]; put && err == nil { // which a server of unknown version called unknown
			r := im.results[j.id()]
			r.Omitted = slices.DeleteFunc(r.Omitted, func(n asset.Note) bool { return n.Path == "/spec/catalog" })
		}
		if err != nil {
			im.fail(j.id(), fmt.Errorf("%s: written, but without its template parameters, extra and catalog: %w", j.path, err))
		}
	}
	if wrote {
		im.relist(ctx, kindSavedQuery, jobs)
	}
}

// queryChanges is what of a query differs from what was set aside.
func (im *importing) queryChanges(ctx context.Context, j *job, e *entry) (map[string]any, error) {
	body := map[string]any{}
	have := asset.Map()
	if e.extra != "" {
		if n, err := asset.FromJSON(e.extra); err == nil {
			have = n
		}
	}
	if want := j.aside["extra"]; want != nil && !asset.Equal(want, have) {
		text, err := asset.ToJSON(want)
		if err != nil {
			return nil, err
		}
		body["extra_json"] = text
	}
	if want := asset.Text(asset.Get(j.doc.Spec, "catalog")); asset.Get(j.node, "catalog") == nil && want != e.catalog {
		body["catalog"] = orNull(want)
	}
	params := ""
	if j.existed {
		var err error
		if params, err = im.c.templateParameters(ctx, e.row); err != nil {
			return nil, err
		}
	}
	if want := asset.Text(j.aside["template_parameters"]); !sameJSON(want, params) {
		body["template_parameters"] = orNull(want)
	}
	return body, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// sameJSON compares texts by what they mean where both are JSON.
func sameJSON(a, b string) bool {
	m, err := asset.FromJSON(a)
	n, err2 := asset.FromJSON(b)
	if err != nil || err2 != nil {
		return a == b
	}
	return asset.Equal(m, n)
}
