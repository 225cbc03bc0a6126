package normalize

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Canonical turns a server's document into an asset: Content, Refs and Unread
// are set, Path is left to the layout. raw is not changed, but for a document that
// is given (asset.Raw.Given). Notes tell of secrets that were masked and of
// references to nothing. An error concerns this asset alone.
func Canonical(raw *asset.Raw, rs Rules) (*asset.Asset, []asset.Note, error) {
	d, kr, err := begin(raw, rs)
	if err != nil {
		return nil, nil, err
	}
	unread := missingFields(d.Root, kr)
	if err := d.apply(kr); err != nil {
		return nil, nil, err
	}
	a, err := d.asset(raw.Info, rs.Format)
	if err != nil {
		return nil, nil, err
	}
	a.Unread = append(unread, raw.Unread...)
	slices.Sort(a.Unread)
	a.Unread = slices.Compact(a.Unread)
	return a, d.notes, nil
}

// Open is Canonical with the secrets left in: the spec alone, to be kept in
// memory only. An importer takes from it the values that a canonical document
// masks.
func Open(raw *asset.Raw, rs Rules) (*yaml.Node, error) {
	d, kr, err := begin(raw, rs)
	if err != nil {
		return nil, err
	}
	d.open = true
	if err := d.apply(kr); err != nil {
		return nil, err
	}
	return d.Root, nil
}

// Load reads a canonical file, which a person may have edited: what the rules
// call the same is made the same, so that formatting, order and spelled-out
// defaults are no change. Errors begin with file:line:column.
func Load(path string, data []byte, rs Rules) (*asset.Asset, error) {
	doc, err := asset.ParseDocument(path, data)
	if err != nil {
		return nil, err
	}
	if doc.Format != rs.Format {
		return nil, fmt.Errorf("%s:1:1: this file says dashkeep: %s, this build reads %s", path, doc.Format, rs.Format)
	}
	kr, ok := rs.Kinds[doc.Kind]
	if !ok {
		return nil, fmt.Errorf("%s:1:1: unknown kind %q, known are %s", path, doc.Kind, kinds(rs))
	}
	if !asset.IsMap(doc.Spec) {
		return nil, fmt.Errorf("%s:1:1: spec: is missing or no mapping", path)
	}
	d := &Doc{ID: asset.ID{Kind: doc.Kind, UID: doc.UID}, Title: doc.Title, Root: doc.Spec, access: doc.Access}
	if err := d.apply(kr); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a, err := d.asset(asset.Info{}, rs.Format)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.Path = path
	return a, nil
}

func begin(raw *asset.Raw, rs Rules) (*Doc, KindRules, error) {
	kr, ok := rs.Kinds[raw.ID.Kind]
	if !ok {
		return nil, kr, fmt.Errorf("%s: unknown kind %q, known are %s", raw.Source, raw.ID.Kind, kinds(rs))
	}
	if !asset.IsMap(raw.Doc) {
		return nil, kr, fmt.Errorf("%s: not a mapping", raw.Source)
	}
	uid, title := asset.Text(asset.Get(raw.Doc, kr.UID)), asset.Text(asset.Get(raw.Doc, kr.Title))
	if uid == "" || uid != raw.ID.UID {
		return nil, kr, fmt.Errorf("%s: %s is %q, expected %q", raw.Source, kr.UID, uid, raw.ID.UID)
	}
	root := raw.Doc
	if raw.Given {
		raw.Doc = nil
	} else {
		root = asset.Clone(root)
	}
	asset.Delete(root, kr.UID)
	asset.Delete(root, kr.Title)
	return &Doc{ID: raw.ID, Title: title, Root: root, Live: true, rows: raw.Lookup, access: asset.Clone(raw.Access)}, kr, nil
}

func (d *Doc) asset(info asset.Info, format string) (*asset.Asset, error) {
	doc := &asset.Document{Format: format, Kind: d.ID.Kind, UID: d.ID.UID, Title: d.Title, Spec: d.Root, Access: d.access}
	content, err := doc.Encode()
	if err != nil {
		return nil, err
	}
	info.ID, info.Title = d.ID, d.Title
	slices.SortFunc(d.refs, asset.ID.Compare)
	refs := slices.Compact(d.refs)
	return &asset.Asset{Info: info, Content: content, Refs: slices.DeleteFunc(refs, func(r asset.ID) bool { return r == d.ID })}, nil
}

func missingFields(root *yaml.Node, kr KindRules) []string {
	var out []string
	for _, f := range kr.Unread {
		if asset.Get(root, f.Name) == nil {
			out = append(out, asset.Pointer("spec", f.Name))
		}
	}
	return out
}

func kinds(rs Rules) string {
	var ks []string
	for k := range rs.Kinds {
		ks = append(ks, string(k))
	}
	slices.Sort(ks)
	return fmt.Sprint(ks)
}
