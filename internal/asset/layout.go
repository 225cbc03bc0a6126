package asset

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	slugRunes = 60
	slugBytes = 180 // with the longest uid part and ".yaml" below the 255 bytes a file name may have
)

// Slug makes a file name of a title: lower case, letters and digits of any
// script kept (with their combining marks), everything else one dash. It is
// never empty, never longer than 60 runes and never a name Windows reserves.
func Slug(title string) string {
	var b strings.Builder
	runes, dash := 0, false
	title = norm.NFC.String(strings.Map(unicode.ToLower, norm.NFC.String(strings.ToValidUTF8(title, " "))))
	for _, r := range title {
		mark := unicode.IsMark(r) && b.Len() > 0 && !dash
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !mark {
			dash = b.Len() > 0
			continue
		}
		need := 1
		if dash {
			need = 2
		}
		if runes+need > slugRunes || b.Len()+need-1+utf8.RuneLen(r) > slugBytes {
			break
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteRune(r)
		runes += need
	}
	s := b.String()
	switch {
	case s == "":
		return "untitled"
	case windowsReserved(s):
		return "x-" + s
	}
	return s
}

// windowsReserved names devices; Windows means them by "con.anything.yaml" too.
// (Its superscript forms, COM¹, cannot come up: a slug has no superscripts.)
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
func windowsReserved(s string) bool {
	switch s {
	case "con", "prn", "aux", "nul":
		return true
	}
	rest, com := strings.CutPrefix(s, "com")
	if !com {
		var lpt bool
		if rest, lpt = strings.CutPrefix(s, "lpt"); !lpt {
			return false
		}
	}
	return len(rest) == 1 && rest[0] >= '0' && rest[0] <= '9'
}

// FoldPath gives the form in which two paths are one file on some system:
// normalized (macOS) and case-folded (Windows, macOS).
func FoldPath(p string) string {
	if !strings.ContainsFunc(p, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return strings.ToLower(p)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(p)))
}

// Layout says where the files of one instance stand.
type Layout struct {
	Root    string // slash path of the instance's folder
	Sharded bool   // two hex digits of the uid between kind and file
}

// Allocator hands out file paths, each once, also case-folded and normalized.
type Allocator struct {
	layout Layout
	byID   map[ID]string
	taken  map[string]ID
}

// Allocator starts from the files that exist: they keep their paths.
func (l Layout) Allocator(existing map[ID]string) *Allocator {
	a := &Allocator{layout: l, byID: make(map[ID]string, len(existing)), taken: make(map[string]ID, len(existing))}
	ids := make([]ID, 0, len(existing))
	for id := range existing {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ID.Compare)
	for _, id := range ids {
		a.byID[id] = existing[id]
		a.taken[FoldPath(existing[id])] = id
	}
	return a
}

// Path returns the path of an asset: the one it has, or
// <root>/<kind plural>/<slug>.<first 8 of uid>.yaml. When that is taken the part
// of the uid grows until the path is free. The answer depends on the calls before,
// so ask in a fixed order (by ID).
func (a *Allocator) Path(id ID, title string) string {
	return a.PathAt(a.layout.Dir("", id), id, title)
}

// PathAt is Path for a new file in a given folder (Layout.Dir).
func (a *Allocator) PathAt(dir string, id ID, title string) string {
	if p, ok := a.byID[id]; ok {
		return p
	}
	p := a.free(id, dir, Slug(title))
	a.byID[id] = p
	a.taken[FoldPath(p)] = id
	return p
}

func (a *Allocator) free(id ID, dir, slug string) string {
	uid := safeUID(id.UID)
	digest := digestOf(id)
	for n := 8; ; n += 4 {
		if p := a.join(dir, slug, strings.TrimRight(uid[:min(n, len(uid))], "-"), digest); a.isFree(p) {
			return p
		}
		if n >= len(uid) {
			break
		}
	}
	// uids that differ only by case or by what a file name cannot hold
	for n := 8; n < len(digest); n += 4 {
		if p := a.join(dir, slug, uid[:min(8, len(uid))]+"-"+digest[:n], digest); a.isFree(p) {
			return p
		}
	}
	return a.join(dir, slug, digest, digest)
}

func (a *Allocator) isFree(p string) bool {
	_, taken := a.taken[FoldPath(p)]
	return !taken
}

func (a *Allocator) join(dir, slug, uid, digest string) string {
	if uid == "" {
		uid = digest[:8]
	}
	return path.Join(dir, slug+"."+uid+".yaml")
}

// Dir is the folder of an asset's file: <root>/<kind plural>, with a folder of the
// caller's below it, and the shard last.
func (l Layout) Dir(folder string, id ID) string {
	dir := path.Join(l.Root, id.Kind.Plural(), folder)
	if l.Sharded {
		dir = path.Join(dir, shard(id.UID, digestOf(id)))
	}
	return dir
}

func digestOf(id ID) string {
	sum := sha256.Sum256([]byte(id.String()))
	return hex.EncodeToString(sum[:])
}

// shard is two hex digits: the uid's own when it begins so, else of its digest.
func shard(uid, digest string) string {
	if len(uid) >= 2 {
		if s := strings.ToLower(uid[:2]); strings.Trim(s, "0123456789abcdef") == "" {
			return s
		}
	}
	return digest[:2]
}

// safeUID keeps what a file name may hold anywhere, at most 40 characters.
func safeUID(uid string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, uid)
	return s[:min(len(s), 40)]
}
