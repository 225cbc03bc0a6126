package superset

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// file is one entry of an export archive.
type file struct {
	name string
	data []byte
}

// document is a file of a bundle, parsed. Of an unreadable one err is set and
// id.UID may be "".
type document struct {
	id     asset.ID
	title  string
	path   string // without the dated root folder (F6)
	node   *yaml.Node
	digest [sha256.Size]byte
	err    error
	own    bool // node was parsed for this document, and shares nothing
}

// readBundle parses the documents of an export. Files of other kinds and the
// metadata are passed over: they differ on every export (F6).
func readBundle(files []file) []document {
	var docs []document
	kinds := Rules().Kinds
	for _, f := range files {
		_, path, ok := strings.Cut(f.name, "/")
		folder, _, nested := strings.Cut(path, "/")
		kind, known := folderKind(folder)
		if !ok || !nested || !known || !strings.HasSuffix(path, ".yaml") {
			continue
		}
		docs = append(docs, parseDocument(kind, kinds[kind].Title, path, f.data))
	}
	slices.SortFunc(docs, func(a, b document) int { return strings.Compare(a.path, b.path) })
	inheritTimeouts(docs)
	return docs
}

func parseDocument(kind asset.Kind, title, path string, data []byte) document {
	d := document{id: asset.ID{Kind: kind}, path: path, digest: sha256.Sum256(data), own: true}
	d.node, d.err = asset.Parse(data)
	if d.err != nil {
		d.id.UID = uuidLine(data)
		d.err = fmt.Errorf("%s: %w", path, d.err)
		return d
	}
	d.id.UID = asset.Text(asset.Get(d.node, "uuid"))
	d.title = asset.Text(asset.Get(d.node, title))
	if d.id.UID == "" {
		d.err = fmt.Errorf("%s: the document has no uuid", path)
	}
	return d
}

// sum sets the digest of a document that was not parsed from a file.
func (d *document) sum() {
	data, err := asset.Encode(d.node)
	if err != nil {
		d.err = fmt.Errorf("%s: %w", d.path, err)
	}
	d.digest = sha256.Sum256(data)
}

var uuidAtLineStart = regexp.MustCompile(`(?m)^uuid: ['"]?([0-9a-fA-F-]{36})['"]?\s*$`)

// uuidLine finds the uuid of a document that cannot be parsed, so that the
// failure has a name.
func uuidLine(data []byte) string {
	if m := uuidAtLineStart.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

// inheritTimeouts takes out a dataset's cache_timeout that equals its database's:
// 6.1.0 exports the inherited value as if it were the dataset's own, and a
// restore would pin it (seen live, and models in connectors/sqla). The digest
// covers what the decision rests on.
func inheritTimeouts(docs []document) {
	databases := map[string]*yaml.Node{}
	for _, d := range docs {
		if d.id.Kind == kindDatabase && d.err == nil {
			databases[d.id.UID] = asset.Get(d.node, "cache_timeout")
		}
	}
	for i, d := range docs {
		if d.id.Kind != kindDataset || d.err != nil {
			continue
		}
		inherited := databases[asset.Text(asset.Get(d.node, "database_uuid"))]
		if inherited == nil {
			continue
		}
		if asset.Equal(inherited, asset.Get(d.node, "cache_timeout")) {
			asset.Put(d.node, asset.Null(), "cache_timeout")
		}
		docs[i].digest = sha256.Sum256(append(d.digest[:], inherited.Value...))
	}
}
