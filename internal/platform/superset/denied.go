package superset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// isDenied reports whether the server itself refuses this account a request, as
// opposed to a proxy in front with a page of its own.
func isDenied(err error) bool {
	var e *apihttp.Error
	return errors.As(err, &e) && e.Status == http.StatusForbidden && !e.HTML
}

// unlisted reports whether the answer to a list concerns its kind alone: the
// account may not ask for it, or it is a record (record.go), whose API a server may
// have switched off, or a kind that the server may be too old for, or no row of it
// can be told from another (name).
func unlisted(k asset.Kind, err error) bool {
	return isDenied(err) || isKind(err) || isMissing(k, err)
}

func isMissing(k asset.Kind, err error) bool {
	var e *apihttp.Error
	return (isRecord(k) || traitOf(k).since != "") && errors.As(err, &e) && e.Status == http.StatusNotFound && !e.HTML
}

// deniedKinds are the kinds whose lists were refused, refused[i] being the answer
// for kinds[i]. When nothing at all may be listed that is the error: it would read
// as an empty server.
func deniedKinds(kinds []asset.Kind, refused []error) (map[asset.Kind]asset.KindError, error) {
	out := map[asset.Kind]asset.KindError{}
	for i, k := range kinds {
		if refused[i] == nil {
			continue
		}
		if kind := (*asset.KindError)(nil); errors.As(refused[i], &kind) {
			out[k] = *kind
			continue
		}
		out[k] = asset.KindError{Kind: k, Why: "this account may not list them (" + readPermit(k).String() + ")"}
		if !isDenied(refused[i]) {
			why := "this server has no list of them (404)"
			if off := traitOf(k).off; off != "" {
				why += "; " + off
			}
			out[k] = asset.KindError{Kind: k, Why: why, Reason: asset.NotThere}
		}
		if len(out) == len(kinds) {
			return nil, fmt.Errorf("this account may not list any of %s (a role that may: dashkeep check --role pull): %w", plurals(kinds), refused[i])
		}
	}
	return out, nil
}

func plurals(kinds []asset.Kind) string {
	text := ""
	for i, k := range kinds {
		if i > 0 {
			text += ", "
		}
		text += k.Plural()
	}
	return text
}

func sortedKinds(m map[asset.Kind]asset.KindError) []asset.KindError {
	return slices.SortedFunc(maps.Values(m), func(a, b asset.KindError) int { return cmp.Compare(a.Kind, b.Kind) })
}

// forbidden is for rows that the account may list and, by the endpoint of their
// kind, not export: rights are by kind. The export of everything has a right of
// its own (measured: an Alpha gets databases from it, and 403 from theirs), so it
// is tried once. What does not come from it either fails by name when others of
// its kind did, else nothing of the kind is read.
func (r *reading) forbidden(ctx context.Context, k asset.Kind, rows []int, err error) error {
	if !r.whole && !isRecord(k) {
		return r.takeWhole(ctx)
	}
	for id := range r.docs {
		if id.Kind == k {
			for _, row := range rows {
				if uid, ok := r.index.byRow[k][strconv.Itoa(row)]; ok {
					r.fails[asset.ID{Kind: k, UID: uid}] = err
				}
			}
			return nil
		}
	}
	r.denied[k] = asset.KindError{Kind: k, Why: "this account may list them, and not export them (" + exportPermit(k).String() + ")"}
	return nil
}

// partsOf says of which kinds this account is shown a part only. It is for people,
// so not being told is no failure. Of saved queries no account is shown more, and
// nothing refers to them: check says so once, not each pull.
func (c *conn) partsOf(ctx context.Context) (parts []asset.KindError, ok bool) {
	a, err := c.account(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "what this account may see cannot be told", "instance", c.instance, "error", err.Error())
		return nil, false
	}
	return slices.DeleteFunc(a.parts(c.kinds(ctx)), func(e asset.KindError) bool { return e.Kind == kindSavedQuery }), true
}

// blind says why a row that no list shows may be there all the same; "" when it
// is not there.
func (r *reading) blind(ctx context.Context, k asset.Kind) string {
	if e, ok := r.index.denied[k]; ok {
		return e.Why
	}
	if r.shownAll != nil && r.shownAll(k) {
		return ""
	}
	a, err := r.c.account(ctx)
	switch {
	case err != nil:
		return "what this account may see cannot be told: " + err.Error()
	case a.limited:
		return a.part(k)
	}
	return ""
}

// watch is a lookup for one document, with what makes the outcome doubtful: a
// reference to something that the account is not shown would read as one to
// nothing, and be committed as an edit. A filter's dataset that the account is
// not shown is left out of the export of everything without a word (measured,
// 6.1.0; the dashboard's own export is then 500).
func (r *reading) watch(ctx context.Context, d document, rows asset.Lookup) (asset.Lookup, func() error) {
	missed := map[asset.Kind]string{}
	if d.id.Kind == kindDashboard && losesDataset(d.node) {
		missed[kindDataset] = "of one of its filters"
	}
	lookup := func(k asset.Kind, row string) (string, bool) {
		uid, ok := rows(k, row)
		if _, known := missed[k]; !ok && !known {
			missed[k] = row
		}
		return uid, ok
	}
	doubt := func() error {
		for _, k := range slices.Sorted(maps.Keys(missed)) {
			if k == annotationLayer {
				continue // findLayers
			}
			if why := r.blind(ctx, k); why != "" {
				return fmt.Errorf("it refers to the %s %s, which no list shows to this account: %s", k, missed[k], why)
			}
		}
		return nil
	}
	return lookup, doubt
}

// losesDataset reports whether a native filter names a column and no dataset.
func losesDataset(dashboard *yaml.Node) bool {
	for _, f := range items(asset.Get(dashboard, "metadata", "native_filter_configuration")) {
		for _, t := range items(asset.Get(f, "targets")) {
			if asset.Get(t, "column") != nil && asset.Text(asset.Get(t, "datasetUuid")) == "" {
				return true
			}
		}
	}
	return false
}

// isKind reports whether a list says of itself that its kind cannot be read.
func isKind(err error) bool {
	var kind *asset.KindError
	return errors.As(err, &kind)
}
