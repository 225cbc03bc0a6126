package sync

import (
	"maps"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// memo keeps what parsing and encoding gave: a history sees the same documents again
// and again.
type memo struct {
	docs   map[string][]byte
	fields map[string]fields
	vals   map[string][]string
	assets map[string]*asset.Asset
	seen   map[string]asset.ID
}

func newMemo() *memo {
	return &memo{docs: map[string][]byte{}, fields: map[string]fields{}, vals: map[string][]string{}, assets: map[string]*asset.Asset{}, seen: map[string]asset.ID{}}
}

func (c *memo) encode(id asset.ID, f fields) []byte {
	key := id.String()
	var kv []any
	for _, k := range slices.Sorted(maps.Keys(f)) {
		key += "\x00" + k + "\x00" + f[k]
		kv = append(kv, k, f[k])
	}
	if doc, ok := c.docs[key]; ok {
		return doc
	}
	d := asset.Document{Format: "fake/1", Kind: id.Kind, UID: id.UID, Title: "Title " + id.UID, Spec: asset.Map(kv...)}
	doc, err := d.Encode()
	if err != nil {
		panic(err)
	}
	c.docs[key] = doc
	return doc
}

func (c *memo) read(doc []byte) fields {
	if doc == nil {
		return nil
	}
	if f, ok := c.fields[string(doc)]; ok {
		return f
	}
	_, f, _, err := fieldsOf(doc)
	if err != nil {
		panic(err)
	}
	c.fields[string(doc)] = f
	return f
}

// values are those of a document.
func (c *memo) values(doc []byte) []string {
	if doc == nil {
		return nil
	}
	v, ok := c.vals[string(doc)]
	if !ok {
		v = valuesOf(c.read(doc))
		c.vals[string(doc)] = v
	}
	return v
}

func (c *memo) load(doc []byte) *asset.Asset {
	if a, ok := c.assets[string(doc)]; ok {
		return a
	}
	a, err := normalize.Load("prod/charts/x.yaml", doc, fakeRules())
	if err != nil {
		panic(err)
	}
	a.Path = ""
	c.assets[string(doc)] = a
	return a
}
