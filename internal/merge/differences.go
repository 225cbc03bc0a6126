package merge

import (
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Differences lists where ours and theirs differ, as the smallest places: Ours
// and Theirs are set, Base is nil. Equal documents have none.
func Differences(ours, theirs []byte) ([]Conflict, error) {
	o, err := parse("ours", ours)
	if err != nil {
		return nil, err
	}
	t, err := parse("theirs", theirs)
	if err != nil {
		return nil, err
	}
	var m merger
	m.differences(nil, o, t)
	return m.conflicts, nil
}

func (m *merger) differences(path []string, ours, theirs *yaml.Node) {
	switch {
	case asset.Equal(ours, theirs):
		return
	case asset.IsMap(ours) && asset.IsMap(theirs):
		o, t := index(ours), index(theirs)
		for _, k := range union(ours, theirs) {
			m.differences(extend(path, k.Value), o[k.Value], t[k.Value])
		}
		return
	case asset.IsSeq(ours) && asset.IsSeq(theirs):
		if field, ok := asset.Identity(ours, theirs); ok {
			before := len(m.conflicts)
			o, t := elements(ours, field), elements(theirs, field)
			for _, id := range unionIDs(o, t) {
				m.differences(extend(path, field+"="+id), o.byID[id], t.byID[id])
			}
			if len(m.conflicts) > before {
				return // else only the order differs
			}
		}
	}
	m.conflicts = append(m.conflicts, Conflict{Path: asset.Pointer(path...), Ours: render(ours), Theirs: render(theirs)})
}
