package exporter

import (
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// keep puts into assets that were read again what this reading did not look at,
// because by the platform's answer only a complete reading would find it moved: the
// value of the last reading, and that it was unread then.
func keep(got *asset.Set, want []asset.ID, kept func(asset.ID) []string, last *asset.Set) error {
	if kept == nil {
		return nil
	}
	for _, id := range want {
		now, was := got.Get(id), last.Get(id)
		if now == nil || was == nil {
			continue
		}
		for _, p := range kept(id) {
			if slices.Contains(was.Unread, p) {
				continue
			}
			content, err := withValue(now.Content, was.Content, p)
			if err != nil {
				return err
			}
			now.Content = content
			now.Unread = slices.DeleteFunc(now.Unread, func(u string) bool { return u == p })
		}
	}
	return nil
}

// withValue is doc with the value at a pointer as from has it.
func withValue(doc, from []byte, pointer string) ([]byte, error) {
	keys, err := asset.Split(pointer)
	if err != nil {
		return nil, err
	}
	d, err := asset.Parse(doc)
	if err != nil {
		return nil, err
	}
	f, err := asset.Parse(from)
	if err != nil {
		return nil, err
	}
	if v := asset.Get(f, keys...); v != nil {
		asset.Put(d, asset.Clone(v), keys...)
	} else {
		asset.Delete(d, keys...)
	}
	return asset.Encode(d)
}
