package superset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dashkeep/dashkeep/internal/archive"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// inbox is a folder into which people drop export archives of Superset's pages,
// where dashkeep may not log in. What the newest archive says of an asset is taken
// for live; whatever is in none of them is unknown, never gone. Archives stay where
// they are: reading one twice says nothing new.
type inbox struct {
	instance string
	dir      string
}

// inboxZip is one archive of the folder.
type inboxZip struct {
	name  string
	docs  []document
	rows  map[asset.Kind]map[string]string // row ids of the server it came from
	err   error
	order int64 // modification time
}

// bundleKind names, in messages only, an archive that cannot be read.
const bundleKind asset.Kind = "archive"

const whyInbox = "an inbox holds what people exported by hand; what it lacks is not taken for deleted"

// Ping reads the folder.
func (b *inbox) Ping(context.Context) (platform.Server, error) {
	zips, err := b.read()
	s := platform.Server{Tested: true}
	if err != nil {
		return s, err
	}
	s.Notes = append(s.Notes, fmt.Sprintf("%s: %d archives", b.dir, len(zips)))
	for _, z := range zips {
		if z.err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("%s cannot be read: %v", z.name, z.err))
		}
	}
	return s, nil
}

// List is everything that the archives hold.
func (b *inbox) List(context.Context) ([]asset.Info, error) {
	zips, err := b.read()
	if err != nil {
		return nil, err
	}
	var out []asset.Info
	for _, f := range newestOf(zips) {
		if f.doc.id.UID != "" {
			out = append(out, asset.Info{ID: f.doc.id, Title: f.doc.title})
		}
	}
	return out, nil
}

// Export yields what the newest archive says of each asset.
func (b *inbox) Export(ctx context.Context, ids []asset.ID) iter.Seq2[*asset.Raw, error] {
	return func(yield func(*asset.Raw, error) bool) {
		zips, err := b.read()
		if err != nil {
			yield(nil, err)
			return
		}
		if ids == nil && !tellInbox(zips, yield) {
			return
		}
		rules := Rules()
		for _, f := range newestOf(zips) {
			d := f.doc
			if ctx.Err() != nil || ids != nil && !slices.Contains(ids, d.id) {
				continue
			}
			info := asset.Info{ID: d.id, Title: d.title}
			var ok bool
			if d.err != nil {
				ok = yield(nil, &asset.Error{Info: info, Err: fmt.Errorf("%s: %w", f.zip.name, d.err)})
			} else {
				unread := append(normalize.Hidden(d.node, rules.Kinds[d.id.Kind], ""), "/access") // no export holds it
				ok = yield(&asset.Raw{Info: info, Doc: d.node, Digest: d.digest, Source: f.zip.name + ":" + d.path, Unread: unread, Lookup: f.zip.lookup}, nil)
			}
			if !ok {
				return
			}
		}
	}
}

// tellInbox says that no kind is complete, and which archives are unreadable.
func tellInbox(zips []inboxZip, yield func(*asset.Raw, error) bool) bool {
	for _, k := range Kinds() {
		if !yield(nil, &asset.KindError{Kind: k, Why: whyInbox, Reason: asset.Pieces}) {
			return false
		}
	}
	for _, z := range zips {
		id := asset.ID{Kind: bundleKind, UID: z.name}
		if z.err != nil && !yield(nil, &asset.Error{Info: asset.Info{ID: id, Title: z.name}, Err: z.err}) {
			return false
		}
	}
	return true
}

// Import refuses: there is no server.
func (b *inbox) Import(_ context.Context, as []*asset.Asset, _ *asset.Set) []asset.Result {
	out := make([]asset.Result, len(as))
	for i, a := range as {
		out[i] = asset.Result{ID: a.ID, Err: b.noServer()}
	}
	return out
}

// Delete refuses: there is no server.
func (b *inbox) Delete(context.Context, asset.ID) error { return b.noServer() }

func (b *inbox) noServer() error {
	return fmt.Errorf("instance %s reads an inbox and has no server to write to; make an archive for its Import button: dashkeep bundle %s -o F.zip", b.instance, b.instance)
}

// read opens all archives of the folder, oldest first.
func (b *inbox) read() ([]inboxZip, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, fmt.Errorf("instance %s: inbox: %w; create the folder, or change inbox: in the config", b.instance, err)
	}
	var zips []inboxZip
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.EqualFold(filepath.Ext(e.Name()), ".zip") {
			continue
		}
		z := inboxZip{name: e.Name()}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away meanwhile
		}
		if err == nil {
			z.order = info.ModTime().UnixNano()
			err = z.open(filepath.Join(b.dir, e.Name()))
		}
		z.err = err
		zips = append(zips, z)
	}
	slices.SortFunc(zips, func(x, y inboxZip) int { return cmp.Or(cmp.Compare(x.order, y.order), strings.Compare(x.name, y.name)) })
	return zips, nil
}

func (z *inboxZip) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	entries, err := archive.Read(f, info.Size(), archive.Limits{Entries: 500_000, Total: 1 << 30, Twins: true})
	if err != nil {
		return fmt.Errorf("it is no whole export archive (still being copied?): %w", err)
	}
	files := make([]file, len(entries))
	for i, e := range entries {
		files[i] = file{e.Name, e.Data}
	}
	z.docs = readBundle(files)
	if len(z.docs) == 0 {
		return errors.New("it holds nothing that Superset exports")
	}
	z.rows = archiveRows(z.docs)
	return nil
}

// lookup knows the rows of the archive's own server.
func (z *inboxZip) lookup(k asset.Kind, row string) (string, bool) {
	uid, ok := z.rows[k][row]
	return uid, ok
}

// fileRow is the row id at the end of a file name (F7).
var fileRow = regexp.MustCompile(`_(\d+)\.yaml$`)

// archiveRows finds out the row ids that stand beside uuids in an archive: in the names
// of files, in the layout of dashboards, and in what a chart says of its dataset.
// A name may end in digits of its own, so what stands in a document wins.
func archiveRows(docs []document) map[asset.Kind]map[string]string {
	rows := map[asset.Kind]map[string]string{kindChart: {}, kindDataset: {}, kindDashboard: {}}
	for _, d := range docs {
		if m := fileRow.FindStringSubmatch(d.path); m != nil && rows[d.id.Kind] != nil && d.id.UID != "" {
			rows[d.id.Kind][m[1]] = d.id.UID
		}
	}
	for _, d := range docs {
		switch d.id.Kind {
		case kindDashboard:
			for _, n := range asset.Each(asset.Get(d.node, "position")) {
				row, uid := asset.Get(n, "meta", "chartId"), asset.Text(asset.Get(n, "meta", "uuid"))
				if row != nil && uid != "" {
					rows[kindChart][row.Value] = uid
				}
			}
		case kindChart:
			source, uid := asset.Text(asset.Get(d.node, "params", "datasource")), asset.Text(asset.Get(d.node, "dataset_uuid"))
			if row, ok := strings.CutSuffix(source, "__table"); ok && uid != "" {
				if _, err := strconv.Atoi(row); err == nil {
					rows[kindDataset][row] = uid
				}
			}
		}
	}
	return rows
}

// inboxDoc is a document and the archive it is from.
type inboxDoc struct {
	doc document
	zip *inboxZip
}

// newestOf is, of each asset, what the newest archive that holds it says, by ID.
func newestOf(zips []inboxZip) []inboxDoc {
	by := map[asset.ID]inboxDoc{}
	for i := range zips {
		seen := map[asset.ID]bool{}
		for _, d := range zips[i].docs {
			if !slices.Contains(Kinds(), d.id.Kind) || seen[d.id] {
				continue
			}
			seen[d.id] = true
			by[d.id] = inboxDoc{d, &zips[i]}
		}
	}
	out := make([]inboxDoc, 0, len(by))
	for _, d := range by {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b inboxDoc) int { return a.doc.id.Compare(b.doc.id) })
	return out
}
