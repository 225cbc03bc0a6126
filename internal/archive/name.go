package archive

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxPart is what file systems allow for one name.
const maxPart = 255

// CheckName refuses a slash path that could mean another file, or none, on any
// of Linux, macOS and Windows, or a file that Git obeys. The error is an
// *UnsafeError. A trailing slash (a folder) is allowed.
func CheckName(name string) error { return checkName(name, Limits{}.orDefault().Depth) }

func checkName(name string, depth int) error {
	if name == "" {
		return refuse("", "it has an entry without a name")
	}
	if reason := badPath(name); reason != "" {
		return refuse(name, "%s", reason)
	}
	parts := strings.Split(strings.TrimSuffix(name, "/"), "/")
	if len(parts) > depth+1 {
		return refuse(name, "lies %d folders deep, the limit is %d", len(parts)-1, depth)
	}
	for _, p := range parts {
		if reason := badPart(p); reason != "" {
			return refuse(name, "%s", reason)
		}
	}
	return nil
}

func badPath(name string) string {
	switch {
	case len(name) > 4096:
		return "has a name longer than 4096 bytes"
	case !utf8.ValidString(name):
		return "has a name that is not UTF-8"
	case strings.HasPrefix(name, "/"):
		return "is an absolute path"
	case strings.Contains(name, `\`):
		return "has a backslash in its name"
	case strings.Contains(name, ":"):
		return "has a colon in its name (a drive or a stream on Windows)"
	}
	for _, r := range name {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return "has a control character in its name"
		case unicode.Is(unicode.Cf, r):
			return "has an invisible character in its name"
		}
	}
	return ""
}

func badPart(p string) string {
	lower := strings.ToLower(p)
	switch {
	case p == "" || p == "." || p == "..":
		return "has an empty, . or .. part in its path"
	case len(p) > maxPart:
		return "has a name part longer than 255 bytes"
	case strings.HasSuffix(p, ".") || strings.HasSuffix(p, " "):
		return "has a name part that ends in a dot or a blank, which Windows drops"
	case strings.HasPrefix(lower, ".git"), shortGit(lower):
		return "is named like a file that Git obeys"
	case reservedOnWindows(lower):
		return "is named like a device of Windows"
	}
	return ""
}

// shortGit reports the 8.3 forms of .git, .gitmodules, .gitattributes and so
// on: git~1, gitmod~1, gi7eba~1 (two letters and four hex digits of a hash).
func shortGit(lower string) bool {
	base, num, ok := strings.Cut(lower, "~")
	if !ok || num == "" || num[0] < '0' || num[0] > '9' || len(base) > 6 {
		return false
	}
	hash, isGi := strings.CutPrefix(base, "gi")
	return strings.HasPrefix(base, "git") || (isGi && len(hash) == 4 && strings.Trim(hash, "0123456789abcdef") == "")
}

func reservedOnWindows(lower string) bool {
	stem, _, _ := strings.Cut(lower, ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	for _, dev := range []string{"com", "lpt"} {
		if n, ok := strings.CutPrefix(stem, dev); ok && strings.ContainsAny(n, "0123456789¹²³") && utf8.RuneCountInString(n) == 1 {
			return true
		}
	}
	return false
}

// checkNames applies the name policy and refuses names that some file system
// takes for one: twins by case or by Unicode form, and a file that is also a
// folder.
func checkNames(headers []header, l Limits) error {
	fold := folder()
	if l.Twins {
		fold = func(s string) string { return s }
	}
	files := make(map[string]string, len(headers))   // folded file: its name
	folders := make(map[string]string, len(headers)) // folded folder: as first written
	for _, h := range headers {
		if err := checkName(h.name, l.Depth); err != nil {
			return err
		}
		clean := strings.TrimSuffix(h.name, "/")
		key := fold(clean)
		if h.folder() {
			if err := claim(folders, key, clean, h.name); err != nil {
				return err
			}
		} else {
			if other, twice := files[key]; twice {
				return twins(h.name, other)
			}
			files[key] = h.name
		}
		if err := claimParents(folders, fold, clean, h.name); err != nil {
			return err
		}
	}
	for key, name := range files {
		if _, both := folders[key]; both {
			return refuse(name, "is a file and a folder")
		}
	}
	return nil
}

func claimParents(folders map[string]string, fold func(string) string, clean, entry string) error {
	for i := strings.LastIndexByte(clean, '/'); i > 0; i = strings.LastIndexByte(clean[:i], '/') {
		if folders[fold(clean[:i])] == clean[:i] {
			return nil // known, and so are its parents
		}
		if err := claim(folders, fold(clean[:i]), clean[:i], entry); err != nil {
			return err
		}
	}
	return nil
}

func claim(folders map[string]string, key, folder, entry string) error {
	if other, ok := folders[key]; ok && other != folder {
		return refuse(entry, "lies in a folder that differs only by case or Unicode form from %s", quote(other))
	}
	folders[key] = folder
	return nil
}

func twins(name, other string) error {
	if name == other {
		return refuse(name, "stands twice")
	}
	return refuse(name, "differs only by case or Unicode form from %s", quote(other))
}

// folder makes the function under which two names that any file system takes
// for one are equal. A Caser keeps state, so each reading has its own.
func folder() func(string) string {
	c := cases.Fold()
	return func(s string) string { return norm.NFC.String(c.String(norm.NFD.String(s))) }
}
