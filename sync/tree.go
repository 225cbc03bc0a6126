package sync

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// loadTree reads the asset files of an instance. Only <root>/<kind plural>/**.yaml
// are asset files; everything else in the folder belongs to people. Files equal
// to an asset that is known already are not parsed again.
func loadTree(in *Instance, files map[string][]byte, known ...*asset.Set) (*asset.Set, []BrokenFile, error) {
	load := loader(in, known)
	var assets []*asset.Asset
	var broken []BrokenFile
	paths := make([]string, 0, len(files))
	for p := range files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	owners := map[asset.ID][]string{}
	for _, p := range paths {
		kind, ok := kindOfPath(in, p)
		if !ok {
			continue
		}
		a, err := load(p, files[p])
		switch {
		case err != nil:
		case a.ID.Kind != kind:
			err = fmt.Errorf("%s: it says kind: %s but lies in %s", p, a.ID.Kind, path.Dir(p))
		}
		if err != nil {
			broken = append(broken, BrokenFile{Path: p, ID: idOfPath(kind, p), Err: err})
			continue
		}
		a.Path = p
		owners[a.ID] = append(owners[a.ID], p)
		assets = append(assets, a)
	}
	assets, broken = single(assets, broken, owners)
	set, err := asset.NewSet(assets...)
	if err != nil {
		return nil, nil, fmt.Errorf("the files of instance %s: %w", in.Name, err)
	}
	return set, broken, nil
}

// single takes out every asset that stands in two files: which of them a person
// meant, nobody can tell.
func single(assets []*asset.Asset, broken []BrokenFile, owners map[asset.ID][]string) ([]*asset.Asset, []BrokenFile) {
	var kept []*asset.Asset
	for _, a := range assets {
		files := owners[a.ID]
		if len(files) == 1 {
			kept = append(kept, a)
			continue
		}
		other := files[0]
		if other == a.Path {
			other = files[1]
		}
		broken = append(broken, BrokenFile{Path: a.Path, ID: a.ID, Err: fmt.Errorf("%s: it holds %s, and so does %s: keep one of them", a.Path, a.ID, other)})
	}
	return kept, broken
}

func kindOfPath(in *Instance, p string) (asset.Kind, bool) {
	rest, ok := strings.CutPrefix(p, in.Root+"/")
	if !ok || path.Ext(p) != ".yaml" {
		return "", false
	}
	folder, _, ok := strings.Cut(rest, "/")
	for _, k := range in.Kinds {
		if ok && k.Plural() == folder {
			return k, true
		}
	}
	return "", false
}

var uidInName = regexp.MustCompile(`\.([0-9a-fA-F-]{8,36})\.yaml$`)

// idOfPath gives the kind and the beginning of the uid that a file name carries.
func idOfPath(kind asset.Kind, p string) asset.ID {
	if m := uidInName.FindStringSubmatch(p); m != nil {
		return asset.ID{Kind: kind, UID: m[1]}
	}
	return asset.ID{}
}

// markBroken makes every asset whose file cannot be read unreadable in the set:
// its uid begins as the file's name says. Nothing may treat it as absent.
func markBroken(set *asset.Set, broken []BrokenFile, others ...*asset.Set) {
	for _, b := range broken {
		for _, o := range others {
			for _, id := range o.IDs() {
				if b.ID.UID != "" && id.Kind == b.ID.Kind && strings.HasPrefix(id.UID, b.ID.UID) && set.Get(id) == nil {
					set.Fail(asset.Failure{Info: o.Get(id).Info, Err: b.Err})
				}
			}
		}
	}
}

// unnamed lists broken files whose name does not say which asset they hold.
func unnamed(broken []BrokenFile) []BrokenFile {
	return slices.DeleteFunc(slices.Clone(broken), func(b BrokenFile) bool { return b.ID.UID != "" })
}

// loader reads canonical files. What stands letter for letter in a known set, as
// nearly every file does in nearly every pull, is taken from there.
func loader(in *Instance, known []*asset.Set) func(path string, data []byte) (*asset.Asset, error) {
	byContent := map[string]*asset.Asset{}
	for _, set := range known {
		for a := range set.All() {
			byContent[string(a.Content)] = a
		}
	}
	return func(path string, data []byte) (*asset.Asset, error) {
		if a := byContent[string(data)]; a != nil {
			return &asset.Asset{Info: asset.Info{ID: a.ID, Title: a.Title}, Content: a.Content, Refs: a.Refs}, nil
		}
		return normalize.Load(path, data, in.Rules)
	}
}
