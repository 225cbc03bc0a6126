package sync

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Found is an asset that a person named.
type Found struct {
	Instance *Instance
	Info     asset.Info
	Path     string // its file at the head, "" when it has none
}

// FindError says that a name means no asset, or several.
type FindError struct {
	Text  string
	Found []Found // candidates, when there are several
}

func (e *FindError) Error() string {
	if len(e.Found) == 0 {
		return fmt.Sprintf("%q is no asset in Git: write [INSTANCE/]KIND:UID, the beginning of a uid, KIND:\"TITLE\" or the path of its file", e.Text)
	}
	var lines []string
	for i, f := range e.Found {
		if i == 10 {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Found)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s/%s %q", f.Instance.Name, f.Info.ID, f.Info.Title))
	}
	return fmt.Sprintf("%q means %d assets; name one of them:\n%s", e.Text, len(e.Found), strings.Join(lines, "\n"))
}

// FindAsset finds the one asset that a text names among what Git and base of some
// instances hold:
//
//	[INSTANCE/]kind:uid        also the beginning of a uid
//	[INSTANCE/]kind:"title"    quotes may be left out, as shells take them away
//	path                       of its file, in the repository or from where the person stands
//
// A full uid wins over the beginning of another, and a uid over a title.
func (e *Engine) FindAsset(text string, instances []*Instance) (Found, error) {
	all, err := e.everything(instances)
	if err != nil {
		return Found{}, err
	}
	for _, match := range []func(Found) bool{byPath(e.Repo.Path(), text), byUID(text, true), byUID(text, false), byTitle(text)} {
		var found []Found
		for _, f := range all {
			if match(f) {
				found = append(found, f)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return Found{}, &FindError{Text: text, Found: found}
		}
	}
	return Found{}, &FindError{Text: text}
}

// everything lists the assets of some instances in Git, and what base still has of
// those that were deleted there.
func (e *Engine) everything(instances []*Instance) ([]Found, error) {
	head, _, err := e.Repo.Head()
	if err != nil {
		return nil, err
	}
	var out []Found
	for _, in := range instances {
		desired, broken, err := e.desired(in, head)
		if err != nil {
			return nil, err
		}
		b, err := e.loadBase(in, desired)
		if err != nil {
			return nil, err
		}
		markBroken(desired, broken, b.set)
		for _, id := range allIDs(desired, b.set) {
			f := Found{Instance: in, Info: asset.Info{ID: id}}
			if a := b.set.Get(id); a != nil {
				f.Info = a.Info
			}
			if a := desired.Get(id); a != nil {
				f.Info, f.Path = a.Info, a.Path
			}
			for _, br := range broken {
				if br.ID.Kind == id.Kind && br.ID.UID != "" && strings.HasPrefix(id.UID, br.ID.UID) {
					f.Path = br.Path
				}
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func byPath(root, text string) func(Found) bool {
	names := []string{filepath.ToSlash(filepath.Clean(text))}
	if abs, err := filepath.Abs(text); err == nil {
		if rel, err := filepath.Rel(root, abs); err == nil {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	return func(f Found) bool { return f.Path != "" && slices.Contains(names, f.Path) }
}

// cutInstance takes the instance off a name. A slash may also stand in a title.
func cutInstance(f Found, text string) string {
	if rest, ok := strings.CutPrefix(text, f.Instance.Name+"/"); ok {
		return rest
	}
	return text
}

func byUID(text string, whole bool) func(Found) bool {
	return func(f Found) bool {
		kind, uid, ok := strings.Cut(cutInstance(f, text), ":")
		if !ok || string(f.Info.ID.Kind) != kind || uid == "" {
			return false
		}
		if whole {
			return strings.EqualFold(f.Info.ID.UID, uid)
		}
		return strings.HasPrefix(strings.ToLower(f.Info.ID.UID), strings.ToLower(uid))
	}
}

func byTitle(text string) func(Found) bool {
	return func(f Found) bool {
		kind, title, ok := strings.Cut(cutInstance(f, text), ":")
		if !ok || string(f.Info.ID.Kind) != kind {
			return false
		}
		if n := len(title); n >= 2 && title[0] == '"' && title[n-1] == '"' {
			title = title[1 : n-1]
		}
		return title != "" && f.Info.Title == title
	}
}
