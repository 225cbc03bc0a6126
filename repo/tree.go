package repo

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Modes of tree entries, as Git writes them.
const (
	modeTree    = 0o040000
	modeFile    = 0o100644
	modeExec    = 0o100755
	modeLink    = 0o120000
	modeGitlink = 0o160000
)

// entry is what a tree holds under a name. The zero entry is "nothing there".
type entry struct {
	mode uint32
	id   oid
}

func (e entry) none() bool   { return e.mode == 0 }
func (e entry) isDir() bool  { return e.mode == modeTree }
func (e entry) isFile() bool { return e.mode&0o170000 == 0o100000 }

// kindName is for messages.
func (e entry) kindName() string {
	switch e.mode {
	case modeTree:
		return "folder"
	case modeLink:
		return "symbolic link"
	case modeGitlink:
		return "submodule"
	}
	return "file"
}

// dir is one tree, read when it is first needed and written when it changed.
type dir struct {
	id      oid // valid while !changed
	loaded  bool
	changed bool
	items   []item // in Git's order

	// places of the names, once so many were looked for that it pays; nil when a
	// place has changed.
	places   map[string]int
	searches int
}

type item struct {
	name string
	entry
	sub *dir // for folders, once visited
}

// key is what Git sorts by: a folder sorts as if its name ended with a slash.
func (it *item) key() string {
	if it.isDir() {
		return it.name + "/"
	}
	return it.name
}

func lessEntry(an string, aDir bool, bn string, bDir bool) bool {
	n := min(len(an), len(bn))
	if c := strings.Compare(an[:n], bn[:n]); c != 0 {
		return c < 0
	}
	return tail(an, n, aDir) < tail(bn, n, bDir)
}

func tail(s string, n int, isDir bool) byte {
	if len(s) > n {
		return s[n]
	}
	if isDir {
		return '/'
	}
	return 0
}

// find returns the place of name, or where it would be put as a file or folder.
func (d *dir) find(name string, isDir bool) (int, bool) {
	if d.searches++; d.places == nil && d.searches > 16+len(d.items)/8 {
		d.index()
	}
	if i, ok := d.places[name]; ok {
		return i, true
	}
	i := d.search(name, isDir)
	if i < len(d.items) && d.items[i].name == name {
		return i, true
	}
	if j := d.search(name, !isDir); j < len(d.items) && d.items[j].name == name {
		return j, true
	}
	return i, false
}

// index makes the map of places. A malformed tree with a name twice gets none.
func (d *dir) index() {
	d.searches = 0
	d.places = make(map[string]int, len(d.items))
	for i := range d.items {
		d.places[d.items[i].name] = i
	}
	if len(d.places) < len(d.items) {
		d.places = nil
	}
}

// search returns the first place that is not before name.
func (d *dir) search(name string, isDir bool) int {
	lo, hi := 0, len(d.items)
	for lo < hi {
		mid := (lo + hi) / 2
		if it := &d.items[mid]; lessEntry(it.name, it.isDir(), name, isDir) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// parseTree decodes a tree object. The order is not relied on: a tree made by
// hand may break it, and is then sorted.
func parseTree(data []byte) ([]item, error) {
	text := string(data) // names are slices of one string
	items := make([]item, 0, len(data)/40)
	for pos := 0; pos < len(text); {
		sp := strings.IndexByte(text[pos:], ' ')
		if sp < 0 {
			return nil, fmt.Errorf("malformed tree: no mode at byte %d", pos)
		}
		mode, err := strconv.ParseUint(text[pos:pos+sp], 8, 32)
		if err != nil {
			return nil, fmt.Errorf("malformed tree: mode at byte %d", pos)
		}
		pos += sp + 1
		nul := strings.IndexByte(text[pos:], 0)
		if nul < 0 || pos+nul+21 > len(text) {
			return nil, fmt.Errorf("malformed tree: cut at byte %d", pos)
		}
		it := item{name: text[pos : pos+nul], entry: entry{mode: uint32(mode)}}
		pos += nul + 1
		copy(it.id[:], text[pos:pos+20])
		pos += 20
		items = append(items, it)
	}
	sorted := sort.SliceIsSorted(items, func(i, j int) bool { return items[i].key() < items[j].key() })
	if !sorted {
		sort.Slice(items, func(i, j int) bool { return items[i].key() < items[j].key() })
	}
	return items, nil
}

// encodeTree is the tree object of items in Git's order.
func encodeTree(items []item) []byte {
	var b bytes.Buffer
	for i := range items {
		fmt.Fprintf(&b, "%o %s\x00", items[i].mode, items[i].name)
		b.Write(items[i].id[:])
	}
	return b.Bytes()
}

// treeCache is a tree with what was read of it, so that the next commit on it
// reads nothing.
type treeCache struct {
	obj  *objects
	root *dir
}

func newTreeCache(obj *objects, root oid) *treeCache {
	d := &dir{id: root}
	if root.IsZero() {
		d.loaded, d.changed = true, true
	}
	return &treeCache{obj, d}
}

func (t *treeCache) load(d *dir) error {
	if d.loaded {
		return nil
	}
	data, err := t.obj.read(plumbing.TreeObject, d.id)
	if err != nil {
		return err
	}
	if d.items, err = parseTree(data); err != nil {
		return fmt.Errorf("tree %s: %w", d.id, err)
	}
	d.loaded = true
	return nil
}

func (t *treeCache) child(it *item) *dir {
	if it.sub == nil {
		it.sub = &dir{id: it.id}
	}
	return it.sub
}

// lookup returns what stands at path; "" is the root.
func (t *treeCache) lookup(path string) (entry, error) {
	d := t.root
	if path == "" {
		return entry{modeTree, d.id}, nil
	}
	for {
		name, rest, more := strings.Cut(path, "/")
		if err := t.load(d); err != nil {
			return entry{}, err
		}
		i, ok := d.find(name, more)
		if !ok {
			return entry{}, nil
		}
		if !more {
			return d.items[i].entry, nil
		}
		if !d.items[i].isDir() {
			return entry{}, nil
		}
		d, path = t.child(&d.items[i]), rest
	}
}

// set puts e at path, or removes it when e is none. Folders that become empty
// disappear; a file in the way of a folder, or a folder in the way of a file,
// is an error: the caller did not ask for that to go.
func (t *treeCache) set(path string, e entry) error {
	return t.setIn(t.root, path, path, e)
}

func (t *treeCache) setIn(d *dir, full, rest string, e entry) error {
	name, deeper, more := strings.Cut(rest, "/")
	if err := t.load(d); err != nil {
		return err
	}
	i, ok := d.find(name, more)
	if !more {
		return d.put(full, i, ok, item{name: name, entry: e})
	}
	if !ok {
		if e.none() {
			return nil
		}
		d.insert(i, item{name: name, entry: entry{mode: modeTree}, sub: &dir{loaded: true, changed: true}})
	} else if !d.items[i].isDir() {
		if e.none() {
			return nil
		}
		return fmt.Errorf("path %q: %s %q is in the way", full, d.items[i].kindName(), strings.TrimSuffix(full, "/"+deeper))
	}
	sub := t.child(&d.items[i])
	if err := t.setIn(sub, full, deeper, e); err != nil {
		return err
	}
	if sub.changed {
		d.changed = true
		if len(sub.items) == 0 {
			d.remove(i)
		}
	}
	return nil
}

// put sets or removes the entry at i.
func (d *dir) put(full string, i int, ok bool, it item) error {
	switch {
	case !ok && it.none():
		return nil
	case !ok:
		d.insert(i, it)
	case d.items[i].isDir() && !it.isDir():
		if it.none() {
			return nil // nothing asked for the folder
		}
		return fmt.Errorf("path %q: a folder is in the way", full)
	case d.items[i].entry == it.entry:
		return nil
	case it.none():
		d.remove(i)
	default:
		d.items[i] = it
	}
	d.changed = true
	return nil
}

func (d *dir) remove(i int) {
	d.items = append(d.items[:i], d.items[i+1:]...)
	d.places = nil
}

func (d *dir) insert(i int, it item) {
	d.places = nil
	d.items = append(d.items, item{})
	copy(d.items[i+1:], d.items[i:])
	d.items[i] = it
}

// write stores the folders that changed and returns the root's id. Afterwards
// nothing counts as changed.
func (t *treeCache) write(p *packWriter) (oid, error) { return t.writeDir(p, t.root) }

func (t *treeCache) writeDir(p *packWriter, d *dir) (oid, error) {
	if !d.changed {
		return d.id, nil
	}
	for i := range d.items {
		sub := d.items[i].sub
		if sub == nil || !sub.changed {
			continue
		}
		id, err := t.writeDir(p, sub)
		if err != nil {
			return oid{}, err
		}
		d.items[i].id = id
	}
	id, err := p.add(plumbing.TreeObject, encodeTree(d.items))
	if err != nil {
		return oid{}, err
	}
	d.id, d.changed = id, false
	return id, nil
}
