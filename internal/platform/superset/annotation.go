package superset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// layerRecords reads and writes annotation layers, each with its annotations. The
// list of layers shows neither the annotations nor that they have changed: adding,
// editing or deleting one moves nothing of its layer (measured, 4.1.4 and 6.1.0), and
// there is no list of all annotations. So they are found by a reading of
// everything, and when the layer itself has changed.
type layerRecords struct{}

func (layerRecords) read(ctx context.Context, c *conn, rows []*entry) ([]document, error) {
	docs := make([]document, len(rows))
	g, gctx := errgroup.WithContext(ctx)
	for i, e := range rows {
		g.Go(func() error {
			d, err := c.layerDocument(gctx, e)
			if err != nil && !splits(err) {
				return err
			}
			if docs[i] = d; err != nil {
				docs[i] = document{id: e.info.ID, title: e.info.Title, err: err}
			}
			return nil
		})
	}
	return docs, g.Wait()
}

func (c *conn) layerDocument(ctx context.Context, e *entry) (document, error) {
	listed, err := e.listed()
	if err != nil {
		return document{id: e.info.ID, title: e.info.Title, err: err}, nil
	}
	notes, err := c.annotations(ctx, e.row)
	if err != nil {
		return document{}, fmt.Errorf("its annotations: %w", err)
	}
	list := asset.Seq()
	for _, n := range notes {
		list.Content = append(list.Content, n.node)
	}
	node := pick(listed, "name", "descr")
	asset.Put(node, list, "annotations")
	return recordDocument(e, node), nil
}

// annotation is one mark of a layer.
type annotation struct {
	ID    int `json:"id"`
	Short string
	node  *yaml.Node // annotationFields
}

// annotationFields are the columns of an annotation. Its short description is
// unique within the layer (AnnotationDAO.validate_update_uniqueness).
var annotationFields = []string{"short_descr", "long_descr", "start_dttm", "end_dttm", "json_metadata"}

// annotations reads all of a layer, in an order that does not depend on row ids.
func (c *conn) annotations(ctx context.Context, layer int) ([]annotation, error) {
	rows, err := c.annotationRows(ctx, layer, "", "id,short_descr,long_descr,start_dttm,end_dttm")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	out := make([]annotation, len(rows))
	for i, n := range rows {
		out[i] = annotation{ID: intOf(asset.Get(n, "id")), Short: asset.Text(asset.Get(n, "short_descr")), node: pick(n, annotationFields...)}
	}
	if err := c.annotationMetadata(ctx, layer, out); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b annotation) int {
		for _, f := range annotationFields {
			if d := strings.Compare(asset.Text(asset.Get(a.node, f)), asset.Text(asset.Get(b.node, f))); d != 0 {
				return d
			}
		}
		return 0
	})
	return out, nil
}

// annotationMetadata fills in json_metadata, which lists leave out whatever they
// are asked for: a filter finds the annotations that have some (any column may be
// filtered by, annotations/api.py), and each of them is asked for by itself. Where
// the filter is refused all are.
func (c *conn) annotationMetadata(ctx context.Context, layer int, notes []annotation) error {
	have := map[int]bool{}
	rows, err := c.annotationRows(ctx, layer, "(col:json_metadata,opr:neq,value:'')", "id")
	switch {
	case err == nil:
		for _, n := range rows {
			have[intOf(asset.Get(n, "id"))] = true
		}
	case splits(err):
		for _, n := range notes {
			have[n.ID] = true
		}
	default:
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range notes {
		if !have[n.ID] {
			continue
		}
		g.Go(func() error {
			text, err := c.oneMetadata(gctx, layer, n.ID)
			if err == nil {
				asset.Put(n.node, text, "json_metadata")
			}
			return err
		})
	}
	return g.Wait()
}

func (c *conn) oneMetadata(ctx context.Context, layer, id int) (*yaml.Node, error) {
	var out struct {
		Result struct {
			Metadata *string `json:"json_metadata"`
		} `json:"result"`
	}
	path := annotationsAt(layer) + strconv.Itoa(id)
	if err := c.http.JSON(ctx, apihttp.Request{Path: path, Query: rison("(columns:!(json_metadata))")}, &out); err != nil {
		return nil, err
	}
	if out.Result.Metadata == nil {
		return asset.Null(), nil
	}
	return asset.Str(*out.Result.Metadata), nil
}

func annotationsAt(layer int) string {
	return traitOf(annotationLayer).endpoint() + strconv.Itoa(layer) + "/annotation/"
}

// annotationRows reads all pages of a layer's list, again when they do not fit
// together.
func (c *conn) annotationRows(ctx context.Context, layer int, filter, columns string) ([]*yaml.Node, error) {
	const tries = 4
	for range tries {
		rows, whole, err := c.annotationPages(ctx, layer, filter, columns)
		if err != nil || whole {
			return rows, err
		}
	}
	return nil, fmt.Errorf("the list of annotations changed %d times while it was read", tries)
}

func (c *conn) annotationPages(ctx context.Context, layer int, filter, columns string) (rows []*yaml.Node, whole bool, err error) {
	seen := map[int]bool{}
	for n := 0; ; n++ {
		q := fmt.Sprintf("(order_column:short_descr,order_direction:asc,page:%d,page_size:%d,columns:!(%s),filters:!(%s))", n, pageSize, columns, filter)
		answer, err := c.http.Do(ctx, apihttp.Request{Path: annotationsAt(layer), Query: rison(q)})
		if err != nil {
			return nil, false, err
		}
		body, err := asset.FromJSON(string(answer.Body))
		if err != nil {
			return nil, false, err
		}
		page, count := asset.Get(body, "result"), asset.Get(body, "count")
		if !asset.IsSeq(page) || count == nil {
			return nil, false, errors.New("the answer to the list of annotations holds no list")
		}
		for _, r := range page.Content {
			id := intOf(asset.Get(r, "id"))
			if seen[id] {
				return nil, false, nil
			}
			seen[id] = true
			rows = append(rows, r)
		}
		if len(page.Content) == 0 || len(rows) >= intOf(count) {
			return rows, len(rows) == intOf(count), nil
		}
	}
}

// intOf is a whole number, 0 for anything else.
func intOf(n *yaml.Node) int {
	if n == nil || n.Tag != asset.TagInt {
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		return 0
	}
	return i
}

// write makes the layer first and then its annotations what the document says. Each
// is tried, so that one that the server refuses does not keep the others back.
func (layerRecords) write(ctx context.Context, im *importing, j *job, e *entry) error {
	body, err := bodyOf(j.node, "uuid", "annotations")
	if err != nil {
		return err
	}
	if asset.IsNull(asset.Get(j.node, "descr")) {
		body["descr"] = "" // a PUT takes no null (annotation_layers/schemas.py)
	}
	row, err := im.c.save(ctx, annotationLayer, e, body)
	if err != nil {
		return err
	}
	var have []annotation
	if e != nil {
		if have, err = im.c.annotations(ctx, row); err != nil {
			return fmt.Errorf("the layer is written, its annotations are not: %w", err)
		}
	}
	return im.annotate(ctx, row, items(asset.Get(j.node, "annotations")), have)
}

// annotate deletes what is not wanted, so that its name is free, and then writes
// what is. Annotations are the same when their short descriptions are.
func (im *importing) annotate(ctx context.Context, layer int, want []*yaml.Node, have []annotation) error {
	there := map[string][]annotation{}
	for _, n := range have {
		there[n.Short] = append(there[n.Short], n)
	}
	matched := make([]*annotation, len(want))
	for i, n := range want {
		short := asset.Text(asset.Get(n, "short_descr"))
		if rest := there[short]; len(rest) > 0 {
			matched[i], there[short] = &rest[0], rest[1:]
		}
	}
	var gone []int
	for _, n := range have {
		if slices.ContainsFunc(there[n.Short], func(r annotation) bool { return r.ID == n.ID }) {
			gone = append(gone, n.ID)
		}
	}
	errs := []error{im.c.deleteAnnotations(ctx, layer, gone)}
	for i, n := range want {
		if err := im.c.saveAnnotation(ctx, layer, n, matched[i]); err != nil {
			errs = append(errs, fmt.Errorf("annotation %q: %w", asset.Text(asset.Get(n, "short_descr")), err))
		}
	}
	return errors.Join(errs...)
}

func (c *conn) saveAnnotation(ctx context.Context, layer int, want *yaml.Node, have *annotation) error {
	body, err := bodyOf(want)
	if err != nil {
		return err
	}
	if have == nil {
		return c.http.Send(ctx, http.MethodPost, annotationsAt(layer), body, nil)
	}
	if sameAnnotation(want, have.node) {
		return nil
	}
	return c.http.Send(ctx, http.MethodPut, annotationsAt(layer)+strconv.Itoa(have.ID), body, nil)
}

// sameAnnotation compares values: the same JSON may be written in several ways, and
// the edit form saves "" for a field left empty.
func sameAnnotation(a, b *yaml.Node) bool {
	open := func(n *yaml.Node) *yaml.Node {
		n = asset.Clone(n)
		for _, f := range []string{"long_descr", "json_metadata"} {
			if text := asset.Get(n, f); text == nil || text.Kind == yaml.ScalarNode && text.Value == "" {
				asset.Put(n, asset.Null(), f)
			}
		}
		if v, err := asset.FromJSON(asset.Text(asset.Get(n, "json_metadata"))); err == nil {
			asset.Put(n, v, "json_metadata")
		}
		return n
	}
	return asset.Equal(open(a), open(b))
}

func (c *conn) deleteAnnotations(ctx context.Context, layer int, ids []int) error {
	for part := range slices.Chunk(ids, pageSize) {
		texts := make([]string, len(part))
		for i, id := range part {
			texts[i] = strconv.Itoa(id)
		}
		err := c.http.JSON(ctx, apihttp.Request{Method: http.MethodDelete, Path: annotationsAt(layer), Query: rison("!(" + strings.Join(texts, ",") + ")")}, nil)
		if err != nil {
			return fmt.Errorf("delete annotations: %w", err)
		}
	}
	return nil
}

// remove deletes the annotations first: Superset refuses to delete a layer that
// has any.
func (layerRecords) remove(ctx context.Context, c *conn, e *entry) error {
	rows, err := c.annotationRows(ctx, e.row, "", "id")
	if err != nil {
		return err
	}
	ids := make([]int, len(rows))
	for i, n := range rows {
		ids[i] = intOf(asset.Get(n, "id"))
	}
	if err := c.deleteAnnotations(ctx, e.row, ids); err != nil {
		return err
	}
	if err := c.deleteRow(ctx, annotationLayer, e.row); err != nil {
		return fmt.Errorf("its annotations are deleted, it is not: %w", err)
	}
	return nil
}
