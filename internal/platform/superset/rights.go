package superset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// everyRow reads all pages of a list until they fit together, as listKind does.
func everyRow[T any](ctx context.Context, c *conn, path, order, columns string) ([]T, error) {
	type answer struct {
		Count int `json:"count"`
		Rows  []T `json:"result"`
	}
	page := func(ctx context.Context, n int) (a answer, err error) {
		q := fmt.Sprintf("(order_column:%s,order_direction:asc,page:%d,page_size:%d,columns:!(%s))", order, n, pageSize, columns)
		err = c.http.JSON(ctx, apihttp.Request{Path: path, Query: rison(q)}, &a)
		return a, err
	}
	const tries = 4
	for range tries {
		first, err := page(ctx, 0)
		if err != nil {
			return nil, err
		}
		pages := make([]answer, max(1, (first.Count+pageSize-1)/pageSize))
		pages[0] = first
		g, gctx := errgroup.WithContext(ctx)
		for i := 1; i < len(pages); i++ {
			g.Go(func() (err error) {
				pages[i], err = page(gctx, i)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		var rows []T
		whole := true
		for _, p := range pages {
			rows, whole = append(rows, p.Rows...), whole && p.Count == first.Count
		}
		if whole && len(rows) == first.Count {
			return rows, nil
		}
	}
	return nil, fmt.Errorf("instance %s: the list at %s changed %d times while it was read; try again when fewer people edit", c.instance, path, tries)
}

// objects reads rows one by one. shape makes the document of what the server
// answers; nil for that itself.
func (c *conn) objects(ctx context.Context, rows []*entry, path string, shape func(*yaml.Node) *yaml.Node) ([]document, error) {
	var docs []document
	for _, e := range rows {
		node, err := c.object(ctx, path+strconv.Itoa(e.row))
		switch {
		case hasStatus(err, http.StatusNotFound):
			continue
		case err != nil && !isAnswer(err):
			return nil, err
		case err != nil:
			docs = append(docs, document{id: e.info.ID, title: e.info.Title, err: err})
			continue
		}
		if shape != nil {
			node = shape(node)
		}
		docs = append(docs, recordDocument(e, node))
	}
	return docs, nil
}

// object is what the server answers for one row.
func (c *conn) object(ctx context.Context, path string) (*yaml.Node, error) {
	var out struct {
		Result json.RawMessage `json:"result"`
	}
	if err := c.http.JSON(ctx, apihttp.Request{Path: path}, &out); err != nil {
		return nil, err
	}
	n, err := asset.FromJSON(string(out.Result))
	if err == nil && !asset.IsMap(n) {
		err = errors.New("the answer holds no object")
	}
	if err != nil {
		return nil, fmt.Errorf("instance %s: GET %s: %w", c.instance, path, err)
	}
	return n, nil
}

// sendObject writes one object, with the places that the server does not know left
// out when it says so. It answers with the row.
func (im *importing) sendObject(ctx context.Context, method, path string, j *job) (int, error) {
	for {
		text, err := asset.ToJSON(j.node)
		if err != nil {
			return 0, err
		}
		var out struct {
			ID int `json:"id"`
		}
		err = im.c.http.Send(ctx, method, path, json.RawMessage(text), &out)
		var e *apihttp.Error
		if err == nil || !errors.As(err, &e) {
			return out.ID, err
		}
		var refusal struct {
			Message json.RawMessage `json:"message"`
		}
		if e.Decode(&refusal) != nil || len(refusal.Message) == 0 || refusal.Message[0] != '{' {
			return 0, err
		}
		if e.Status != http.StatusBadRequest || !im.fit(j, refusal.Message) && !im.fitRecipients(j, refusal.Message) {
			return 0, fmt.Errorf("Superset refuses it: %s", reasonText(refusal.Message))
		}
	}
}
