package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Match says which assets a rule or a selection means.
type Match struct {
	text string
	by   matchBy
	kind asset.Kind
	arg  string // glob, or uid
}

type matchBy uint8

const (
	byNothing matchBy = iota
	byAll
	byKind
	byTag
	byTitle
	byOwner
	byID
)

// MatchForms says how a match is written, for messages.
const MatchForms = "*, kind:NAME, tag:GLOB, title:GLOB, owner:GLOB or KIND:UID"

// ParseMatch reads one of the MatchForms. In a GLOB, * stands for any text and
// ? for one character; owners are compared without regard to case. The words
// kind, tag, title and owner win over a kind of that name.
func ParseMatch(s string) (Match, error) {
	if s == "*" {
		return Match{text: s, by: byAll}, nil
	}
	word, arg, ok := strings.Cut(s, ":")
	if !ok || word == "" || arg == "" {
		return Match{}, fmt.Errorf("%q is not one of %s", s, MatchForms)
	}
	m := Match{text: s, arg: arg}
	switch word {
	case "kind":
		m.by, m.kind = byKind, asset.Kind(arg)
	case "tag":
		m.by = byTag
	case "title":
		m.by = byTitle
	case "owner":
		m.by, m.arg = byOwner, strings.ToLower(arg)
	default:
		m.by, m.kind = byID, asset.Kind(word)
		if strings.ContainsAny(arg, "*? /") {
			return Match{}, fmt.Errorf("%q: a uid is written in full; for patterns use %s", s, "title:GLOB or tag:GLOB")
		}
	}
	return m, nil
}

// UnmarshalText reads what ParseMatch reads.
func (m *Match) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return errors.New("a match must not be empty: use " + MatchForms)
	}
	got, err := ParseMatch(string(b))
	*m = got
	return err
}

// String is the match as written.
func (m Match) String() string { return m.text }

// Kind is the kind the match names, "" when it names none.
func (m Match) Kind() asset.Kind { return m.kind }

// Match reports whether the asset is meant. Tags and owners that the server
// did not tell match nothing. The zero Match matches nothing.
func (m Match) Match(i asset.Info) bool {
	switch m.by {
	case byAll:
		return true
	case byKind:
		return i.ID.Kind == m.kind
	case byTitle:
		return glob(m.arg, i.Title)
	case byTag:
		return slices.ContainsFunc(i.Tags, func(t string) bool { return glob(m.arg, t) })
	case byOwner:
		return slices.ContainsFunc(i.Owners, func(o string) bool { return glob(m.arg, strings.ToLower(o)) })
	case byID:
		return i.ID.Kind == m.kind && strings.EqualFold(i.ID.UID, m.arg)
	}
	return false
}

// glob matches * and ? over the whole of s. It goes back only to the last *,
// which is enough and keeps it from taking exponential time.
func glob(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// Match reports whether the selection holds the asset itself; what it depends
// on is the caller's to add.
func (s Select) Match(i asset.Info) bool {
	if len(s.Kinds) > 0 && !slices.Contains(s.Kinds, i.ID.Kind) {
		return false
	}
	matches := func(m Match) bool { return m.Match(i) }
	if len(s.Include) > 0 && !slices.ContainsFunc(s.Include, matches) {
		return false
	}
	return !slices.ContainsFunc(s.Exclude, matches)
}
