package superset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/archive"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// chunk is how many ids one export request names. Fewer repeat shared datasets
// more often, more make long URLs (measured: 100 and 1,000 cost the same).
const chunk = 100

// most is the share of all assets above which everything is exported at once:
// one /assets/export/ costs 60 % of exports by id (measured).
const most = 0.4

// hopeless is after how many failed exports of single assets in a row no more are
// asked for: then it is the server that fails, not an asset.
const hopeless = 50

// Export yields the documents of ids, nil for all. What is listed but does not
// come out of the export (names that fall together in the archive, F8) is asked
// for by itself, and is an *asset.Error when it still does not come.
func (c *conn) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return documents(ctx, ids == nil, func() (*reading, error) { return c.read(ctx, ids) })
}

// documents yields what a reading found; a reading of everything also says which
// kinds it did not read.
func documents(ctx context.Context, everything bool, read func() (*reading, error)) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		r, err := read()
		if err != nil {
			yield(nil, err)
			return
		}
		rows, version, rules := r.lookup(ctx), r.c.version(ctx), Rules()
		if everything {
			for _, k := range slices.Concat(r.c.skips(ctx), sortedKinds(r.index.denied), r.parts) {
				if !yield(nil, &k) {
					return
				}
			}
		}
		for _, k := range sortedKinds(r.denied) {
			if !yield(nil, &k) {
				return
			}
		}
		for _, id := range r.ids {
			d, ok := r.docs[id]
			if !ok || d.err != nil {
				if !yield(nil, &asset.Error{Info: r.info(id), Err: r.failure(id)}) {
					return
				}
				continue
			}
			raw := &asset.Raw{Info: r.info(id), Doc: d.node, Digest: d.digest, Source: d.path, Given: d.own}
			raw.Lookup, raw.Doubt = r.watch(ctx, d, rows)
			raw.Title = d.title
			raw.Access, raw.Unread = r.access(id)
			raw.Unread = append(raw.Unread, normalize.Hidden(d.node, rules.Kinds[id.Kind], version)...)
			if id.Kind == kindDataset && r.index.withoutCatalogs(asset.Text(asset.Get(d.node, "database_uuid"))) {
				raw.Unread = append(raw.Unread, "/spec/catalog")
			}
			if !yield(raw, nil) {
				return
			}
		}
	}
}

func (c *conn) exportRows(ctx context.Context, k asset.Kind, rows []int) ([]document, error) {
	var b strings.Builder
	for i, n := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(n))
	}
	return c.download(ctx, "/api/v1/"+string(k)+"/export/", "!("+b.String()+")")
}

// download fetches an export and reads the documents in it. The archive is only
// read in memory, so names that differ by case alone do no harm.
func (c *conn) download(ctx context.Context, path, q string) ([]document, error) {
	req := apihttp.Request{Path: path}
	if q != "" {
		req.Query = rison(q)
	}
	var entries []archive.Entry
	req.Check = func(f *apihttp.File) (err error) {
		entries, err = archive.Read(f, f.Size(), archive.Limits{Entries: 500_000, Total: 1 << 30, File: 100 << 20, Twins: true})
		var unsafe *archive.UnsafeError
		if errors.As(err, &unsafe) && !unsafe.Damaged {
			return nil // hostile, not cut: fetching it again does not help
		}
		return err
	}
	f, err := c.http.Download(ctx, req)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if entries == nil {
		if entries, err = archive.Read(f, f.Size(), archive.Limits{Entries: 500_000, Total: 1 << 30, File: 100 << 20, Twins: true}); err != nil {
			return nil, fmt.Errorf("instance %s: GET %s: %w", c.instance, path, err)
		}
	}
	files := make([]file, len(entries))
	for i, e := range entries {
		files[i] = file{e.Name, e.Data}
	}
	return readBundle(files), nil
}

// splits reports whether a smaller request may succeed where this one failed. A
// server that asks for patience, or a login page, says nothing about assets.
func splits(err error) bool {
	var e *apihttp.Error
	if !errors.As(err, &e) || !isAnswer(err) {
		return false
	}
	if e.HTML && e.Status < 500 {
		return e.Status == http.StatusRequestEntityTooLarge // a proxy's limit: less may pass
	}
	return e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable
}

// isAnswer reports whether err is the server's refusal of this very request, so
// that another request may succeed.
func isAnswer(err error) bool {
	var e *apihttp.Error
	return errors.As(err, &e) && e.Status != http.StatusUnauthorized && e.Redirect == ""
}
