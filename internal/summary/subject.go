package summary

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Item is one asset in a commit.
type Item struct {
	Kind    asset.Kind
	Title   string
	What    Kind     // Added, Removed or Changed
	Changes []Change // of a changed asset; may be empty
	Of      string   // title of the one dashboard it belongs to, "" when unknown or several
}

// Subject is the first line of a commit message: "prod: Sales Dashboard: 2
// charts changed". It is one line, at most 72 runes unless the instance's name
// alone is longer, and nothing in a title can end it or forge a trailer.
func Subject(instance string, items []Item) string {
	prefix := shorten(instance) + ": "
	room := max(maxSubject-utf8.RuneCountInString(prefix), 20)
	for _, s := range subjects(items) {
		if utf8.RuneCountInString(s) <= room {
			return prefix + s
		}
	}
	all := subjects(items)
	return prefix + cut(all[len(all)-1], room)
}

// subjects are ways to say it, the most telling first.
func subjects(items []Item) []string {
	switch len(items) {
	case 0:
		return []string{"nothing changed"}
	case 1:
		return single(items[0])
	}
	counts := counted(items)
	if of := common(items); of != "" {
		return []string{of + ": " + counted(parts(items)), counts}
	}
	return []string{counts, fmt.Sprintf("%d assets %s", len(items), verb(items))}
}

func single(it Item) []string {
	name := shorten(it.Title)
	if name == "" {
		name = string(it.Kind)
	}
	if it.What != Changed {
		return []string{fmt.Sprintf("%s: %s %s", name, it.Kind, it.What), cut(name, 40) + " " + string(it.What)}
	}
	lines := []string{Line(string(it.Kind), it.Title, it.Changes)}
	if len(it.Changes) == 0 {
		lines[0] = name + " changed"
	}
	if n := len(phrases(it.Changes)); n > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s", name, plural(n, "change")), fmt.Sprintf("%s: %s", cut(name, 40), plural(n, "change")))
	}
	return append(lines, cut(name, 40)+" changed")
}

// common is the title of the dashboard that all items are or belong to.
func common(items []Item) string {
	var of string
	for _, it := range items {
		name := it.Of
		if it.Kind == "dashboard" {
			name = it.Title
		}
		if name == "" || of != "" && name != of {
			return ""
		}
		of = name
	}
	return shorten(of)
}

// parts leaves the dashboard itself out unless it is all there is.
func parts(items []Item) []Item {
	rest := slices.DeleteFunc(slices.Clone(items), func(it Item) bool { return it.Kind == "dashboard" && it.What == Changed })
	if len(rest) == 0 {
		return items
	}
	return rest
}

// counted says "2 charts changed, 1 dataset added": changes, then what came, then what went.
func counted(items []Item) string {
	var out []string
	for _, what := range []Kind{Changed, Added, Removed} {
		n := map[asset.Kind]int{}
		var kinds []asset.Kind
		for _, it := range items {
			if it.What != what {
				continue
			}
			if n[it.Kind]++; n[it.Kind] == 1 {
				kinds = append(kinds, it.Kind)
			}
		}
		if len(kinds) == 0 {
			continue
		}
		slices.SortFunc(kinds, func(a, b asset.Kind) int {
			if c := rank(a) - rank(b); c != 0 {
				return c
			}
			return strings.Compare(string(a), string(b))
		})
		var words []string
		for _, k := range kinds {
			words = append(words, plural(n[k], strings.ReplaceAll(string(k), "_", " ")))
		}
		out = append(out, strings.Join(words, ", ")+" "+string(what))
	}
	return strings.Join(out, ", ")
}

// rank puts what people look for first.
func rank(k asset.Kind) int {
	if i := slices.Index([]asset.Kind{"dashboard", "chart", "card", "query"}, k); i >= 0 {
		return i
	}
	return 9
}

func verb(items []Item) string {
	for _, it := range items {
		if it.What != items[0].What {
			return string(Changed)
		}
	}
	return string(items[0].What)
}

// Lines lists the items for the body of a commit message, one line each:
// "- dashboard Sales Dashboard: title changed". The leading dash keeps a title
// from being read as a trailer.
func Lines(items []Item) []string {
	var out []string
	for _, it := range items {
		text := Line(string(it.Kind), it.Title, it.Changes)
		if it.What != Changed || len(it.Changes) == 0 {
			text = Line(string(it.Kind), it.Title, nil) + ": " + string(it.What)
		}
		out = append(out, "- "+strings.ReplaceAll(string(it.Kind), "_", " ")+" "+text)
	}
	return out
}
