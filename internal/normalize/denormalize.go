package normalize

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Denormalize makes of a canonical document what the server's importer wants:
// references become the server's row ids, opened JSON is closed, and what was
// left out as a default stands there again, because importers leave an absent
// key as it is. doc is not changed. The notes are what this server cannot hold
// and was left out. Secrets are the caller's business: masks are kept.
func Denormalize(doc *asset.Document, kr KindRules, s Server) (*yaml.Node, []asset.Note, error) {
	b := &Back{
		ID: asset.ID{Kind: doc.Kind, UID: doc.UID}, Title: doc.Title,
		Root: asset.Clone(doc.Spec), Server: s,
	}
	if !asset.IsMap(b.Root) {
		return nil, nil, fmt.Errorf("%s: spec: is missing or no mapping", b.ID)
	}
	b.omitted = dropUnknown(b.ID, b.Root, kr, s.Version)
	for _, r := range slices.Backward(kr.Rules) {
		if err := b.rule(r); err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", b.ID, r.Path, err)
		}
	}
	asset.Put(b.Root, asset.Str(doc.UID), kr.UID)
	asset.Put(b.Root, asset.Str(doc.Title), kr.Title)
	return b.Root, b.omitted, nil
}

func (b *Back) rule(r Rule) error {
	switch r.Op {
	case Drop:
		return b.restore(r)
	case Default:
		return b.defaults(r)
	case JSON:
		return b.closeJSON(r)
	case RefValue:
		b.values(r)
	case RefKeys:
		b.keys(r)
	case RefText:
		return b.text(r)
	case Call:
		if r.Hook.Back != nil {
			return r.Hook.Back(b)
		}
	}
	return nil
}

func (b *Back) restore(r Rule) error {
	if r.Value == "" {
		return nil
	}
	return b.setAbsent(r)
}

func (b *Back) setAbsent(r Rule) error {
	n, err := literal(r.Value)
	if err != nil {
		return err
	}
	parent, key := cut(r.Path)
	for _, p := range spots(b.Root, parent) {
		if asset.IsMap(p.node) && asset.Get(p.node, key) == nil {
			asset.Put(p.node, asset.Clone(n), key)
		}
	}
	return nil
}

func (b *Back) defaults(r Rule) error {
	// What the server does not show may hold something: no default goes over it.
	if !r.Restore || Older(b.Server.Version, r.Since) || Older(b.Server.Version, r.Shown) {
		return nil
	}
	return b.setAbsent(r)
}

func (b *Back) closeJSON(r Rule) error {
	if !r.Restore && !(r.Until != "" && Older(b.Server.Version, r.Until)) {
		return nil
	}
	for _, p := range spots(b.Root, r.Path) {
		if p.node.Kind == yaml.ScalarNode {
			continue
		}
		text, err := asset.ToJSON(p.node)
		if err != nil {
			return err
		}
		*p.node = *asset.Str(text)
	}
	return nil
}

func (b *Back) values(r Rule) {
	for _, p := range find(b.Root, r.Path) {
		ref := asset.Text(p.node)
		row, isRef, ok := b.Row(ref, b.missing(r))
		switch {
		case ok:
			*p.node = *RowNode(row)
		case isRef:
			at := p.pointer()
			if p.inList() {
				at = p.list()
			}
			p.remove()
			b.Omit(at, unresolved(ref))
		}
	}
}

func (b *Back) keys(r Rule) {
	for _, p := range find(b.Root, r.Path) {
		if !asset.IsMap(p.node) {
			continue
		}
		var kept []*yaml.Node
		for i := 0; i+1 < len(p.node.Content); i += 2 {
			k, v := p.node.Content[i], p.node.Content[i+1]
			row, isRef, ok := b.Row(k.Value, b.missing(r))
			switch {
			case ok:
				k = asset.Str(row)
			case isRef:
				b.Omit(p.pointer()+asset.Pointer(k.Value), unresolved(k.Value))
				continue
			}
			kept = append(kept, k, v)
		}
		p.node.Content = kept
	}
}

func (b *Back) text(r Rule) error {
	for _, p := range spots(b.Root, r.Path) {
		if p.node.Tag != asset.TagStr {
			continue
		}
		text, err := asset.ExpandText(p.node.Value, func(ref string) (string, error) {
			row, _, ok := b.Row(ref, b.missing(r))
			if !ok {
				return "", errors.New(unresolved(ref))
			}
			return row, nil
		})
		if err != nil {
			return err
		}
		p.node.Value = text
	}
	return nil
}

// missing is what a rule does on this server with a row that is not there.
func (b *Back) missing(r Rule) Missing {
	if Older(b.Server.Version, r.Parked) {
		return Park
	}
	return r.Missing
}

// Row is the row id of a reference on the server. isRef is false for other text.
func (b *Back) Row(ref string, m Missing) (row string, isRef, ok bool) {
	if _, n, missing := asset.ParseMissing(ref); missing {
		i, err := strconv.ParseInt(n, 10, 64)
		if m != Park || err != nil {
			return "", true, false
		}
		return strconv.FormatInt(ParkedBase+i, 10), true, true
	}
	id, isRef := asset.ParseRef(ref)
	if !isRef {
		return "", false, false
	}
	row, ok = b.Server.Row(id, m)
	return row, true, ok
}

// RowNode makes a row id a node: a number where it is one.
func RowNode(row string) *yaml.Node {
	if _, err := strconv.ParseInt(row, 10, 64); err == nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagInt, Value: row}
	}
	return asset.Str(row)
}

func unresolved(ref string) string {
	return "the server has nothing here for " + ref
}
