package merge

import (
	"bytes"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// access is the section of a document that states its keys one by one: a key that
// is not there says nothing (normalize.AccessKey).
const access = "access"

// Unsaid returns doc with the keys of the access section that only the other one
// has. It stands in for Git where Git says nothing of who owns or may see
// something: files from before such a key was read, or written by hand, take
// nobody's rights away. Either may be nil, and then doc comes back as it is.
func Unsaid(doc, other []byte) ([]byte, error) {
	if doc == nil || !bytes.Contains(other, []byte("\n"+access+":")) || bytes.Equal(doc, other) {
		return doc, nil
	}
	d, err := parse("destination", doc)
	if err != nil {
		return nil, err
	}
	o, err := parse("source", other)
	if err != nil {
		return nil, err
	}
	changed := false
	for key, v := range asset.Each(asset.Get(o, access)) {
		switch have := asset.Get(d, access); {
		case have == nil:
			asset.Put(d, asset.Map(key, asset.Clone(v)), access)
		case !asset.IsMap(have) || asset.Get(have, key) != nil:
			continue
		default:
			asset.Put(have, asset.Clone(v), key)
		}
		changed = true
	}
	if !changed {
		return doc, nil
	}
	return encode(d)
}
